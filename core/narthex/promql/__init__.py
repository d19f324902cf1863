"""PromQL: parser, AST and the engine that evaluates all series and all steps at once."""
