"""The contracts, a module for each stage: a rig, and the rules that every plugin of the stage has to keep."""
