import pytest

from narthex.config.decode import decode_yaml
from narthex.config.dump import plain
from narthex.errors import ConfigError
from narthex_sd.exec import ExecConfig


def read(text):
    return decode_yaml(ExecConfig, text, "exec.yml")


def test_a_command_is_enough():
    assert read("command: [/bin/inventory]") == ExecConfig(("/bin/inventory",))


def test_values_of_the_environment_are_secrets():
    config = read("{command: [x], environment: {TOKEN: hunter2}}")
    assert config.environment["TOKEN"].reveal() == "hunter2"
    assert "hunter2" not in repr(config)
    assert "hunter2" not in repr(plain(config))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{}", "required key 'command'"),
        ("command: []", "expected a program"),
        ("command: ['']", "expected a program"),
        ("command: /bin/inventory --all", "expected a list"),
        ('command: ["a\\0b"]', "null characters"),
        ("{command: [x], mode: sometimes}", "mode"),
        ("{command: [x], environment: {'A=B': c}}", "'A=B' cannot be set"),
        ("{command: [x], refresh_interval: 0s}", "must not be 0"),
        ("{command: [x], timeout: 0s}", "needs a timeout"),
        ("{command: [x], timeout: 2m}", "must not exceed the refresh_interval (1m)"),
    ],
)
def test_what_cannot_work_is_refused(text, complaint):
    with pytest.raises(ConfigError) as error:
        read(text)
    assert complaint in str(error.value)


def test_a_stream_may_take_its_time():
    assert read("{command: [x], mode: stream, timeout: 0s, refresh_interval: 1s}").timeout == 0
