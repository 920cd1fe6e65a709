defmodule RpcTest do
  @moduledoc "Functions in Rust, called by everything that Erlang has for that."
  use ExUnit.Case
  import Suite

  setup do
    reconnect()
  end

  describe "rpc" do
    test "call" do
      assert :rpc.call(rust(), Suite, :add, [1, 2]) == 3
      assert :rpc.call(rust(), Suite, :add, [1, 2], 5_000) == 3
      assert :rpc.call(rust(), Suite, :sleep, [2_000], 20) == {:badrpc, :timeout}
      assert :rpc.call(:nobody@localhost, Suite, :add, [1, 2]) == {:badrpc, :nodedown}
    end

    test "multicall" do
      assert :rpc.multicall([node(), rust()], :erlang, :node, []) == {[node(), rust()], []}
      assert :rpc.multicall([rust(), :nobody@localhost], Suite, :add, [1, 2]) == {[3], [:nobody@localhost]}
      assert :rpc.multicall(Suite, :add, [1, 2]) |> elem(0) |> Enum.member?(3)
    end

    test "async_call" do
      key = :rpc.async_call(rust(), Suite, :sleep, [50])
      assert :rpc.nb_yield(key, 0) == :timeout
      assert :rpc.yield(key) == :awake
    end

    test "block_call" do
      assert :rpc.block_call(rust(), Suite, :add, [1, 2]) == 3
      assert {:badrpc, {:EXIT, {:undef, _}}} = :rpc.block_call(rust(), :os, :cmd, [~c"id"])
    end

    test "cast" do
      assert :rpc.cast(rust(), Suite, :tell, [self(), :cast])
      assert_receive :cast, 10_000
    end

    test "sbcast and abcast" do
      assert :rpc.sbcast([rust(), node()], :counter, :x) == {[rust()], [node()]}
      assert :rpc.sbcast([rust()], :absent, :x) == {[], [rust()]}
      assert :rpc.abcast([rust()], :rex, {self(), :features_request}) == :abcast
      assert_receive {:features_reply, node, [:erpc]}, 10_000
      assert node == rust()
    end

    test "eval_everywhere" do
      assert :rpc.eval_everywhere([rust()], Suite, :tell, [self(), :everywhere]) == :abcast
      assert_receive :everywhere, 10_000
    end
  end

  describe "erpc" do
    test "call" do
      assert :erpc.call(rust(), Suite, :add, [1, 2]) == 3
      assert {:error, {:erpc, :timeout}} = caught(fn -> :erpc.call(rust(), Suite, :sleep, [2_000], 20) end)
      assert {:error, {:erpc, :noconnection}} = caught(fn -> :erpc.call(:nobody@localhost, Suite, :add, [1, 2]) end)
    end

    test "multicall" do
      assert :erpc.multicall([node(), rust()], :erlang, :node, []) == [ok: node(), ok: rust()]

      assert [{:error, {:exception, :undef, _}}, {:error, {:erpc, :noconnection}}] =
               :erpc.multicall([rust(), :nobody@localhost], Suite, :absent, [])
    end

    test "cast and multicast" do
      assert :erpc.cast(rust(), Suite, :tell, [self(), :cast]) == :ok
      assert_receive :cast, 10_000
      assert :erpc.multicast([rust()], Suite, :tell, [self(), :multicast]) == :ok
      assert_receive :multicast, 10_000
    end

    test "send_request" do
      request = :erpc.send_request(rust(), Suite, :sleep, [50])
      assert :erpc.wait_response(request, 0) == :no_response
      assert :erpc.receive_response(request, 5_000) == :awake
    end

    test "many at once" do
      requests = for n <- 1..200, do: :erpc.send_request(rust(), Suite, :add, [n, n])
      assert Enum.map(requests, &:erpc.receive_response(&1, 10_000)) == for(n <- 1..200, do: 2 * n)
    end
  end

  describe "what a function raises" do
    test "throw" do
      assert :rpc.call(rust(), Suite, :throw, [:ball]) == :ball
      assert caught(fn -> :erpc.call(rust(), Suite, :throw, [:ball]) end) == {:throw, :ball}
    end

    test "exit" do
      assert :rpc.call(rust(), Suite, :exit, [:ill]) == {:badrpc, {:EXIT, :ill}}
      assert caught(fn -> :erpc.call(rust(), Suite, :exit, [:ill]) end) == {:exit, {:exception, :ill}}
    end

    test "an error has a stack that names file and line in Rust" do
      assert {:badrpc, {:EXIT, {:bad, stack}}} = :rpc.call(rust(), Suite, :error, [:bad])
      assert Exception.format_stacktrace(stack) =~ ~r"interop/examples/suite\.rs:\d+: Suite\.error/1"

      exception =
        try do
          :erpc.call(rust(), Suite, :error, [:bad])
        rescue
          error in ErlangError -> error
        end

      assert {:exception, :bad, ^stack} = exception.original
      assert Exception.message(exception) =~ "suite.rs"
    end

    test "an error of Rust is its text" do
      assert :erpc.call(rust(), Suite, :parse, ["42"]) == 42

      assert {:error, {:exception, {:rust_error, "invalid digit found in string"}, [{Suite, :parse, 1, _}]}} =
               caught(fn -> :erpc.call(rust(), Suite, :parse, ["4x"]) end)
    end

    test "a panic" do
      assert {:error, {:exception, {:panic, "asked to"}, [{Suite, :panic, 0, _}]}} =
               caught(fn -> :erpc.call(rust(), Suite, :panic, []) end)
    end

    test "arguments of another type are badarg, of another number undef" do
      assert {:badrpc, {:EXIT, {:badarg, [{Suite, :add, 2, _}]}}} = :rpc.call(rust(), Suite, :add, [1, :two])
      assert {:badrpc, {:EXIT, {:undef, [{Suite, :add, [1], []}]}}} = :rpc.call(rust(), Suite, :add, [1])
    end
  end

  test "nothing but what was exported can be called" do
    for {module, function, arguments} <- [
          {:os, :cmd, [~c"id"]},
          {:erlang, :halt, []},
          {:init, :stop, []},
          {:file, :read_file, ["/etc/passwd"]},
          {Code, :eval_string, ["1"]},
          {:erlang, :spawn, [:os, :cmd, [~c"id"]]}
        ] do
      assert {:badrpc, {:EXIT, {:undef, [{^module, ^function, _, _}]}}} =
               :rpc.call(rust(), module, function, arguments)

      assert {:badrpc, {:EXIT, {:undef, _}}} = :rpc.block_call(rust(), module, function, arguments)
    end
  end
end
