from pathlib import Path

from narthex.config.reference import reference, refused

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/configuration.md"


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m narthex.config.reference > docs/reference/configuration.md"
    )


def test_every_refused_key_is_listed_with_its_reason():
    found = {one.path: one.feature for one in refused()}
    assert found["remote_write"] == "remote write"
    assert found["storage.tsdb.chunk_encoding.floats"] == "choosing a chunk encoding"
    assert found["scrape_configs[].tls_config.ca_ref"] == "secrets by reference"
    assert all(f"| `{path}` |" in reference() for path in found)


def test_links_lead_to_sections():
    page = reference()
    anchors = {
        line.lstrip("# ").replace(" ", "-").replace(".", "").lower()
        for line in page.splitlines()
        if line.startswith("#")
    }
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    assert links <= anchors
