//! What each command does and says.

use interop::Otp;
use serde_json::Value;

use crate::ground::{Ground, PEER, with_each};

fn json(ground: &Ground, words: &[&str]) -> Value {
    let said = ground.command(words, "");
    let lines: Vec<&str> = said.stdout.lines().collect();
    let [line] = lines[..] else {
        panic!("one line: {said:?}");
    };
    serde_json::from_str(line).unwrap()
}

#[test]
fn ping() {
    with_each("ping", |ground| {
        let said = ground.command(&["ping", PEER, "--count", "2"], "");
        let lines: Vec<&str> = said.stdout.lines().collect();
        assert_eq!((said.status, lines.len()), (Some(0), 2), "{said:?}");
        for line in lines {
            let time = line.strip_prefix("pong from app@localhost in ").unwrap();
            let millis: f64 = time.strip_suffix(" ms").unwrap().parse().unwrap();
            assert!(millis < 1000.0, "{line}");
        }
        let told = json(ground, &["ping", PEER, "--json"]);
        assert_eq!(
            (&told["ok"], &told["value"]["node"]),
            (&true.into(), &PEER.into())
        );
        assert_eq!(told["value"]["ms"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn rpc_in_elixir() {
    with_each("rpc_in_elixir", |ground| {
        ground.expect(&["rpc", PEER, "1 + 1"], "2\n");
        ground.expect(&["rpc", PEER, "Node.self()."], ":app@localhost\n");
        let shown = "{MapSet.new([1]), ~D[2026-01-01], \"ä\", 1..2}";
        let source = format!("IO.puts(\"two\\nlines\"); {shown}");
        ground.expect(&["rpc", PEER, &source], &format!("two\nlines\n{shown}\n"));
        let piped = ground.command(&["rpc", PEER], "Node.list().\n");
        assert_eq!((piped.status, &*piped.stdout), (Some(0), "[]\n"));
        let piped = ground.command(&["rpc", PEER, "-", "-o", "json"], "%{a: nil}");
        assert_eq!((piped.status, &*piped.stdout), (Some(0), "{\"a\":null}\n"));
        let table = [
            "rpc",
            PEER,
            "-o",
            "table",
            "[%{id: 1, name: \"x\"}, %{id: 20, name: :y}]",
        ];
        ground.expect(&table, "id  name\n1   x\n20  y\n");
        let told = json(
            ground,
            &["rpc", PEER, "--json", "IO.write(\"out\"); {1, \"b\"}"],
        );
        assert_eq!(
            told.to_string(),
            r#"{"ok":true,"output":"out","value":[1,"b"]}"#
        );
    });
}

#[test]
fn rpc_that_fails() {
    with_each("rpc_that_fails", |ground| {
        let fails = |source: &str, parts: &[&str]| {
            ground.expect_failure(&["rpc", PEER, source], 17, parts);
        };
        fails(
            "1 / 0",
            &["** (ArithmeticError) bad argument in arithmetic expression"],
        );
        fails(
            "String.to_integer(\"x\")",
            &["** (ArgumentError)", "binary_to_integer"],
        );
        fails("throw(:ball)", &["** (throw) :ball"]);
        fails("exit(:bye)", &["** (exit) :bye"]);
        fails(
            "Nobody.nothing()",
            &["function Nobody.nothing/0 is undefined"],
        );
        fails("apple + 1", &["** (CompileError)", "undefined", "apple"]);
        fails("(1 +", &["** (TokenMissingError)"]);
        let told = json(ground, &["rpc", PEER, "--json", "1 / 0"]);
        assert_eq!(
            (&told["ok"], &told["error"]["kind"]),
            (&false.into(), &"remote_failed".into())
        );
        let timed_out = ["rpc", PEER, "Process.sleep(60_000)", "--timeout", "300ms"];
        ground.expect_failure(&timed_out, 16, &["not done within 300ms"]);
    });
}

#[test]
fn rpc_in_erlang() {
    with_each("rpc_in_erlang", |ground| {
        let erlang = |source| ["rpc", PEER, "--erlang", source];
        ground.expect(&erlang("node()."), "app@localhost\n");
        let source = "X = [1, 2], [io:format(\"~tp~n\", [N]) || N <- X], {X, \"text\", <<\"b\">>}";
        ground.expect(&erlang(source), "1\n2\n{[1,2],\"text\",<<\"b\">>}\n");
        ground.expect_failure(&erlang("X = "), 17, &["syntax error"]);
        ground.expect_failure(
            &erlang("1 / 0"),
            17,
            &["bad argument in arithmetic expression"],
        );
    });
}

#[test]
fn apply() {
    with_each("apply", |ground| {
        ground.expect(&["apply", PEER, "Enum", "sum", "[[1, 2, 3]]"], "6\n");
        ground.expect(
            &["apply", PEER, ":lists", ":reverse", "[[1, 2]]"],
            "[2, 1]\n",
        );
        ground.expect(&["apply", PEER, "erlang", "node"], ":app@localhost\n");
        ground.expect(
            &["apply", PEER, "-a", "lists reverse [[a,{b,1}]]"],
            "[{:b, 1}, :a]\n",
        );
        ground.expect(
            &["apply", PEER, "-a", "erlang node", "-o", "erlang"],
            "app@localhost\n",
        );
        let upcase = ["apply", PEER, "String", "upcase", "[\"ä\"]", "-o", "json"];
        ground.expect(&upcase, "\"Ä\"\n");
        ground.expect(
            &["apply", PEER, "IO", "puts", "[\"hello\"]"],
            "hello\n:ok\n",
        );
        let absent = ["apply", PEER, "erlang", "nope", "[1]"];
        ground.expect_failure(&absent, 17, &["undef: there is no erlang.nope/1"]);
        let raises = ["apply", PEER, "erlang", "hd", "[[]]"];
        ground.expect_failure(&raises, 17, &["** (ArgumentError)", ":erlang.hd([])"]);
        let malformed = ["apply", PEER, "lists", "sum", "[1"];
        ground.expect_failure(&malformed, 2, &["character 2"]);
        ground.expect_failure(
            &["apply", PEER, "lists", "sum", "{1}"],
            2,
            &["must be a list"],
        );
    });
}

#[test]
fn call_cast_and_send() {
    with_each("call_cast_and_send", |ground| {
        ground.expect(&["call", PEER, "counter", "{:inc, 5}"], "5\n");
        ground.expect(
            &["call", PEER, ":echo", "%{a: [1.5, \"b\"]}"],
            "%{a: [1.5, \"b\"]}\n",
        );
        ground.expect(&["cast", PEER, "echo", "{:order, 1}"], "");
        ground.expect(&["send", PEER, "echo", "{order, 2}"], "");
        assert_eq!(
            ground.beam.value("Fixture.Echo.received()"),
            "[cast: {:order, 1}, info: {:order, 2}]"
        );
        let pid = ground.beam.value("Process.whereis(:echo)");
        ground.expect(&["send", PEER, &pid, ":by_pid"], "");
        ground.expect(&["call", PEER, &pid, ":by_pid"], ":by_pid\n");
        let last = ground.beam.value("Fixture.Echo.received() |> List.last()");
        assert_eq!(last, "{:info, :by_pid}");
        for command in ["call", "cast", "send"] {
            ground.expect_failure(&[command, PEER, "nobody", "1"], 17, &["noproc", "nobody"]);
        }
        let dead = ground
            .beam
            .value("pid = spawn(fn -> nil end); Process.sleep(50); pid");
        ground.expect_failure(&["send", PEER, &dead, "1"], 17, &["noproc"]);
        let crashed = ["call", PEER, "crasher", "{:exit, :reason}"];
        ground.expect_failure(&crashed, 17, &["the server ended", ":reason"]);
        let slow = ["call", PEER, "slow", "{:sleep, 60000}", "--timeout", "0.3s"];
        ground.expect_failure(&slow, 16, &["timeout"]);
    });
}

#[test]
fn nodes_and_names() {
    with_each("nodes_and_names", |ground| {
        ground.expect(&["nodes", PEER], "");
        ground.expect(&["nodes", PEER, "--all", "-o", "json"], "[]\n");
        ground.expect(&["nodes", "app@localhost"], "");
        let epmd = ground.epmd.port();
        let said = ground.command(&["names"], "");
        let as_epmd = std::process::Command::new("epmd")
            .args(["-port", &epmd.to_string(), "-names"])
            .output()
            .unwrap();
        assert_eq!(said.stdout.as_bytes(), as_epmd.stdout);
        let told = json(ground, &["names", "localhost", "--json"]);
        let node = &told["value"]["nodes"][0];
        assert_eq!(
            (&told["value"]["epmd_port"], &node["name"]),
            (&epmd.into(), &"app".into())
        );
        let by_port = format!("{PEER}={}", node["port"]);
        ground.expect(
            &["rpc", &by_port, "node()", "--epmd-port", "1"],
            ":app@localhost\n",
        );
    });
}

#[test]
fn a_node_with_a_long_name() {
    let name = "a_node_with_a_long_name";
    match Otp::host().and_then(|otp| Ground::of(&otp, "app@127.0.0.1")) {
        Ok(ground) => {
            let words = ["rpc", "app@127.0.0.1", "hd(Node.list(:hidden))"];
            let said = ground.command(&words, "");
            assert!(said.stdout.ends_with("@127.0.0.1\"\n"), "{said:?}");
        }
        Err(missing) => interop::skip(name, &missing),
    }
}

#[test]
fn a_node_without_elixir() {
    let Ok(epmd) = interop::Epmd::start(interop::tcp(), None) else {
        let missing = interop::Missing("no epmd".to_owned());
        return interop::skip("a_node_without_elixir", &missing);
    };
    let port = epmd.port().to_string();
    let erl = std::process::Command::new("erl")
        .args([
            "-noinput",
            "-sname",
            "plain@localhost",
            "-setcookie",
            "visit",
            "-start_epmd",
            "false",
        ])
        .env("ERL_EPMD_PORT", &port)
        .spawn();
    let Ok(mut erl) = erl else {
        let missing = interop::Missing("no erl".to_owned());
        return interop::skip("a_node_without_elixir", &missing);
    };
    let rpc = |words: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_beamlink"))
            .args(["rpc", "plain@localhost"])
            .args(words)
            .env_clear()
            .env("ERL_EPMD_PORT", &port)
            .env("RELEASE_COOKIE", "visit")
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let mut said = rpc(&["1"]);
    // It is not registered yet, or was not when 127.0.0.1 was asked, and was when [::1] was, where it does not listen.
    while matches!(said.0, Some(12 | 13)) && std::time::Instant::now() < end {
        std::thread::sleep(std::time::Duration::from_millis(50));
        said = rpc(&["1"]);
    }
    let in_erlang = rpc(&["--erlang", "1 + 1"]);
    erl.kill().unwrap();
    erl.wait().unwrap();
    assert_eq!(said.0, Some(17), "{said:?}");
    assert!(
        said.1.contains("plain@localhost has no Elixir") && said.1.contains("--erlang"),
        "{said:?}"
    );
    assert_eq!(in_erlang, (Some(0), "2\n".to_owned()));
}
