LONG = "sum by(job)(rate(http_requests_total{job='a'}[5m])) / on(job) sum by (job) (rate(other_total[5m]))"


def test_an_expression_is_printed_in_canonical_form(narthex):
    outcome = narthex("promql", "format", "sum by(job)(rate(x_total{a='b'}[300s]))")
    assert (outcome.status, outcome.out) == (0, 'sum by (job) (rate(x_total{a="b"}[5m]))\n')


def test_a_long_expression_is_split(narthex):
    outcome = narthex("promql", "format", "--width", "60", LONG)
    assert outcome.out.splitlines() == [
        '  sum by (job) (rate(http_requests_total{job="a"}[5m]))',
        "/ on (job)",
        "  sum by (job) (rate(other_total[5m]))",
    ]


def test_what_is_printed_is_canonical(narthex):
    once = narthex("promql", "format", "--width", "40", LONG).out
    again = narthex("promql", "format", "--width", "40", once)
    assert again.out == once
    assert narthex("promql", "format", "--width", "40", "--check", once).status == 0


def test_without_an_expression_standard_input_is_read(narthex, standard_input):
    standard_input(b"up   ==  1\n")
    assert narthex("promql", "format").out == "up == 1\n"


def test_standard_input_that_is_no_text_is_refused(narthex, standard_input):
    standard_input(b'up{a="\xff"}\n')
    outcome = narthex("promql", "format")
    assert (outcome.status, outcome.out) == (1, "")
    assert "1:6: parse error: invalid UTF-8 rune" in outcome.err


def test_check_says_which_expression_would_change(narthex):
    outcome = narthex("promql", "format", "--check", "up == 1", "up==1")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "expression 2: not in canonical form\n"


def test_an_error_has_its_place_and_does_not_keep_others_from_being_printed(narthex):
    outcome = narthex("promql", "format", "sum(", "up")
    assert (outcome.status, outcome.out) == (1, "up\n")
    assert outcome.err.startswith("expression 1: 1:5: parse error:")


def test_experimental_parts_are_allowed(narthex):
    assert narthex("promql", "format", "limitk(2,up)").out == "limitk(2, up)\n"
