"""Everything that can be wrong with a fleet file, each told with its line and what is accepted."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from console.errors import ConfigError, Problem
from console.fleet.config import load_config


def problems(folder: Path, text: str | bytes) -> tuple[Problem, ...]:
    path = folder / "fleet.toml"
    path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert all(problem.file == path for problem in caught.value.problems)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    return caught.value.problems


HOST = "[[host]]\nname = 'web1'\n"


@pytest.mark.parametrize(
    ("text", "line", "wrong", "accepted"),
    [
        # what does not exist
        ("[fleets]\n", 1, 'unknown key "fleets" (did you mean fleet?)', "[fleet], [etcd], [ssh], [[host]]"),
        (
            "\nuser = 'core'\n",
            2,
            'unknown key "user" (it is a key of [etcd] and [ssh] and [[host]])',
            "[ssh]",
        ),
        ("[fleet]\nnmae = 'prod'\n", 2, '[fleet]: unknown key "nmae" (did you mean name?)', "name, timezone"),
        (HOST + "lables = {}\n", 3, '[[host]] web1: unknown key "lables" (did you mean labels?)', "labels"),
        (HOST + "timezone = 'UTC'\n", 3, 'unknown key "timezone" (it is a key of [fleet])', "address"),
        (HOST + "[host.vars]\na = 1\n", 3, '[[host]] web1: unknown key "vars"', "name, address"),
        ("[ssh]\nxyzzy = 1\n", 2, '[ssh]: unknown key "xyzzy";', "user, port, identity, known_hosts, become"),
        (
            "[etcd]\nendpoints = ['http://a:1']\npassword = 'x'\n",
            3,
            "(did you mean password_file?)",
            "ca, cert",
        ),
        # tables of another shape
        ("fleet = 'prod'\n", 1, '[fleet]: "prod" is not a table', "name, timezone, read_only"),
        ("[host]\nname = 'web1'\n", 1, "[host] is one table", "[[host]]"),
        ("host = ['web1']\n", 1, '[[host]] no. 1: "web1" is not a table', "name, address"),
        # names
        ("[[host]]\naddress = 'web1'\n", 1, "[[host]] no. 1: name is missing", "name, address"),
        ("[[host]]\nname = 7\n", 2, "[[host]] no. 1 name: 7 is not a string", "A-Z a-z 0-9"),
        ("[[host]]\nname = ''\n", 2, "it is empty", "A-Z a-z 0-9"),
        ("[[host]]\nname = 'web,1'\n", 2, '"web,1" cannot be a name', "A-Z a-z 0-9"),
        ("[[host]]\nname = 'web*'\n", 2, '"web*" cannot be a name', "A-Z a-z 0-9"),
        ("[[host]]\nname = '-web'\n", 2, '"-web" cannot be a name', "first a letter or digit"),
        ("[[host]]\nname = 'größe'\n", 2, '"größe" cannot be a name', "A-Z a-z 0-9"),
        (f"[[host]]\nname = '{'a' * 64}'\n", 2, "cannot be a name", "1 to 63"),
        ('[[host]]\nname = "a\\u001b[31m"\n', 2, "holds a control character", "A-Z a-z 0-9"),
        ("[fleet]\nname = 'my fleet'\n", 2, '"my fleet" cannot be a name', "A-Z a-z 0-9"),
        # values
        ("[fleet]\ntimezone = 'Europe/Berlni'\n", 2, '(did you mean "Europe/Berlin"?)', "IANA"),
        ("[fleet]\ntimezone = '../etc/passwd'\n", 2, "there is no time zone", "IANA"),
        ("[fleet]\ntimezone = 'Europe'\n", 2, 'there is no time zone "Europe"', "IANA"),
        ("[fleet]\ntimezone = 1\n", 2, "1 is not a string", "IANA"),
        ("[fleet]\nread_only = 'yes'\n", 2, '"yes" is neither true nor false', "true or false"),
        ("[ssh]\nport = 0\n", 2, "0 is out of range", "1 to 65535"),
        (HOST + "port = 65536\n", 3, "[[host]] web1 port: 65536 is out of range", "1 to 65535"),
        (HOST + "port = '22'\n", 3, '"22" is not a whole number', "1 to 65535"),
        (HOST + "port = true\n", 3, "true is not a whole number", "1 to 65535"),
        (HOST + "port = 22.0\n", 3, "22.0 is not a whole number", "1 to 65535"),
        (HOST + f"port = 0x{'f' * 5000}\n", 3, "this number is out of range", "1 to 65535"),
        (HOST + "port = 1979-05-27\n", 3, "a date or time is not a whole number", "1 to 65535"),
        (HOST + "user = 'a b'\n", 3, '"a b" cannot be a user', "a login name"),
        (HOST + "user = '-oProxyCommand=x'\n", 3, "cannot be a user", "a login name"),
        (HOST + "become = 'doas'\n", 3, '"doas" is not known', '"sudo" or "none"'),
        (HOST + "become = true\n", 3, "true is not known", '"sudo" or "none"'),
        (HOST + "transport = 'telnet'\n", 3, '"telnet" is not known', '"ssh" or "local"'),
        (HOST + "address = 'web1:22'\n", 3, "holds a port, which has a key of its own", "IPv4"),
        (HOST + "address = 'core@web1'\n", 3, "holds a user, which has a key of its own", "IPv4"),
        (HOST + "address = '198.18.7.999'\n", 3, '"198.18.7.999" is not an address', "IPv4"),
        (HOST + "address = 'fe80::1::2'\n", 3, '"fe80::1::2" is not an address', "IPv6"),
        (HOST + "address = 'fe80::1%;reboot'\n", 3, "is not an address", "IPv6"),
        (HOST + "address = '-oProxyCommand=x'\n", 3, "is not an address", "DNS name"),
        (HOST + "address = 'web 1'\n", 3, '"web 1" is not an address', "DNS name"),
        # files
        ("[ssh]\nidentity = 'none'\n", 2, 'none": No such file', "existing file"),
        ("[ssh]\nidentity = [\n'fleet.toml',\n'none']\n", 4, 'none": No such file', "existing file"),
        ("[ssh]\nidentity = 5\n", 2, "5 is not a path", "an array"),
        ("[ssh]\nidentity = '.'\n", 2, "is a folder", "existing file"),
        ("[ssh]\nidentity = '~nobody/key'\n", 2, "another user's home", "from ~/"),
        ("[ssh]\nknown_hosts = 'none'\n", 2, 'none": No such file', "existing file"),
        ('[ssh]\nknown_hosts = "a\\u0000b"\n', 2, "control character", "a path"),
        (HOST + "identity = 'none'\n", 3, "[[host]] web1 identity: ", "existing file"),
        ("[etcd]\nendpoints = ['http://a:1']\nca = 'none'\n", 3, "[etcd] ca: ", "existing file"),
        # labels
        (HOST + "labels = 'web'\n", 3, '"web" is not a table', '{ role = "web" }'),
        (HOST + "labels = { zone = 1 }\n", 3, 'labels "zone": 1 is not a string', "a string"),
        (
            HOST + "[host.labels]\nrole = 'web'\nzone = 'a,b'\n",
            5,
            '"a,b" could not be written',
            "without commas",
        ),
        (HOST + "labels = { zone = '' }\n", 3, "it is empty", "not empty"),
        (HOST + "labels = { zone = ' a' }\n", 3, '" a" could not be written', "no blanks"),
        (HOST + "labels = { zone = '=a' }\n", 3, '"=a" could not be written', "no = in front"),
        (
            HOST + "labels = { 'zo=ne' = 'a' }\n",
            3,
            '"zo=ne" cannot be a label\'s name',
            "A-Z a-z 0-9 . _ / -",
        ),
        # etcd
        ("[etcd]\nprefix = '/a/'\n", 1, "[etcd]: endpoints is missing", "endpoints, ca"),
        ("[etcd]\nendpoints = []\n", 2, "it is empty", "an array of http://"),
        ("[etcd]\nendpoints = 'http://a:1'\n", 2, "is not an array", "an array of http://"),
        ("[etcd]\nendpoints = ['http://a:1',\n'b:2']\n", 3, '"b:2" is not an endpoint', "http://"),
        ("[etcd]\nendpoints = ['http://a']\n", 2, '"http://a" is not an endpoint', "a port"),
        ("[etcd]\nendpoints = ['http://a:99999']\n", 2, "is not an endpoint", "a port"),
        ("[etcd]\nendpoints = ['http://[a:1']\n", 2, "is not an endpoint", "a port"),
        ("[etcd]\nendpoints = ['http://a:1/v3']\n", 2, "is not an endpoint", "a port"),
        ("[etcd]\nendpoints = ['http://a:1']\nprefix = 'a'\n", 3, '"a" cannot be a prefix', "/quarterdeck/"),
        ("[etcd]\nendpoints = ['http://a:1']\nprefix = '/'\n", 3, '"/" cannot be a prefix', "/quarterdeck/"),
        ("[etcd]\nendpoints = ['http://a:1']\ncert = 'fleet.toml'\n", 3, "of no use without key", "both or"),
        ("[etcd]\nendpoints = ['http://a:1']\nkey = 'fleet.toml'\n", 3, "of no use without cert", "both or"),
        # the terminal
        ("[terminal]\nthme = 'light'\n", 2, "(did you mean theme?)", "theme, rate, mouse"),
        ("[terminal]\ntheme = '../dark'\n", 2, '"../dark" cannot be a name', "A-Z a-z 0-9"),
        ("[terminal]\nrate = 0.4\n", 2, "[terminal] rate: 0.4 is out of range", "0.5 to 10"),
        ("[terminal]\nrate = 11\n", 2, "11 is out of range", "0.5 to 10"),
        ("[terminal]\nrate = nan\n", 2, "is out of range", "0.5 to 10"),
        ("[terminal]\nrate = true\n", 2, "true is not a number", "0.5 to 10"),
        ("[terminal]\nmouse = 0\n", 2, "0 is neither true nor false", "true or false"),
        ("keys = 'vi'\n", 1, '[keys]: "vi" is not a table', "actions"),
        ("[keys]\n'list.down' = 5\n", 2, '[keys] "list.down": 5 is not a key', '"ctrl+r"'),
        ("[keys]\nlist.down = [\n'j',\n'']\n", 4, '[keys] "list.down": it is empty', '"ctrl+r"'),
        ("[keys]\nlist.down = 'j'\n'list.down' = 'k'\n", 3, "line 2 has it already", "one of the two"),
        # this machine
        (
            "[[host]]\nname = 'here'\ntransport = 'local'\naddress = '::1'\n",
            4,
            '[[host]] here: address makes no sense with transport = "local"',
            "name, transport, become, labels",
        ),
    ],
)
def test_a_problem_is_told_with_its_line_and_what_is_accepted(
    tmp_path: Path, text: str, line: int, wrong: str, accepted: str
) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.line == line
    before, mark, after = problem.text.partition("accepted: ")
    assert wrong in before
    assert mark
    assert accepted in after


def test_all_problems_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        """\
        [[host]]
        name = "web1"
        port = 0
        labels = { "a b" = "c", zone = "x,y" }

        [ssh]
        usr = "core"
        [fleet]
        timezone = "Mars/Olympus"
        [[host]]
        name = "web1"
        """,
    )
    assert [(problem.line, problem.text.split(":")[0]) for problem in found] == [
        (3, "[[host]] web1 port"),
        (4, '[[host]] web1 labels "a b"'),
        (4, '[[host]] web1 labels "zone"'),
        (7, "[ssh]"),
        (9, "[fleet] timezone"),
        (11, "[[host]] web1"),
    ]


def test_a_name_given_twice_names_both_lines(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, HOST + "[[host]]\nport = 22\nname = 'web1'\n")
    assert problem.line == 5
    assert "the host in line 2 has this name already" in problem.text


def test_only_one_host_is_this_machine(tmp_path: Path) -> None:
    local = "[[host]]\nname = '{}'\ntransport = 'local'\n"
    (problem,) = problems(tmp_path, local.format("a") + local.format("b"))
    assert problem.line == 6
    assert "the host in line 1 is this machine already" in problem.text


def test_names_that_differ_in_case_are_two_names(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text("[[host]]\nname = 'a'\n[[host]]\nname = 'A'\n")
    assert [host.name for host in load_config(tmp_path / "fleet.toml").hosts] == ["a", "A"]


def test_a_password_in_an_endpoint_is_not_repeated(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "[etcd]\nendpoints = ['http://root:hunter2@a:1']\n")
    assert "password_file" in problem.text
    assert "hunter2" not in problem.text


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[fleet]\nname = prod\n", 2, "not TOML: Invalid value, column 8"),
        ("[fleet]\nname = 'a'\nname = 'b'\n", 3, "not TOML: Cannot overwrite a value"),
        ("[fleet]\n[fleet]\n", 2, "not TOML: Cannot declare"),
        ("[ssh]\nuser = '''core\n\n", 2, "not TOML: "),
        ("[fleet\n", 1, "not TOML: "),
        (b"[fleet]\nname = 'caf\xe9'\n", 2, "byte 0xe9 is not UTF-8"),
        ("a = " + "[" * 100_000, 0, "nested too deeply"),
        ("a = " + "1" * 10_000, 0, "not TOML: "),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, line: int, said: str
) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.line == line
    assert said in problem.text


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)


def test_a_machine_without_time_zones_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.fleet.config_values.available_timezones", set)
    (problem,) = problems(tmp_path, "[fleet]\ntimezone = 'Mars/Olympus'\n")
    assert "this machine has no time zones" in problem.text
    assert problem.text.endswith('accepted: "UTC"')
