defmodule Suite do
  @moduledoc """
  The ground of the suite: an EPMD on `ERL_EPMD_PORT`, this VM as a distributed node on loopback, and the Rust node
  `BEAMLINK_SUITE`. `scripts/mix-test` sets both, and what keeps the VM on loopback. All of it ends with the VM, however
  that ends: the programs hang on pipes of this VM.
  """

  @rust :zz_maint_rust@localhost
  @cookie "suite"

  @doc "The Rust node."
  def rust, do: @rust

  @doc "Starts everything."
  def start do
    port = System.fetch_env!("ERL_EPMD_PORT")
    # `exec` would leave it behind: epmd does not look at its stdin.
    run("/bin/sh", ["-c", "epmd -address 127.0.0.1 -port \"$0\" & cat >/dev/null; kill $!", port])
    until(fn -> match?({:ok, _}, :erl_epmd.names(~c"localhost")) end)
    {:ok, _} = Node.start(:suite@localhost, :shortnames)
    Node.set_cookie(String.to_atom(@cookie))

    rust = run(suite(), [Atom.to_string(@rust)])

    receive do
      {^rust, {:data, "ready\n"}} -> :ok
      {^rust, what} -> raise "the Rust node: #{inspect(what)}"
    after
      20_000 -> raise "the Rust node is not ready"
    end
  end

  defp suite do
    default = Path.expand("../../target/debug/examples/suite", __DIR__)
    System.get_env("BEAMLINK_SUITE", default)
  end

  defp run(program, args) do
    # It panics on purpose.
    env = [{~c"RELEASE_COOKIE", String.to_charlist(@cookie)}, {~c"RUST_BACKTRACE", ~c"0"}]
    Port.open({:spawn_executable, program}, [:binary, args: args, env: env])
  end

  @doc "Waits until it holds: ten times as long as it may take, then raises."
  def until(holds, left \\ 1_000)
  def until(_, 0), do: raise("it does not come to hold")

  def until(holds, left) do
    unless holds.() do
      Process.sleep(10)
      until(holds, left - 1)
    end
  end

  @doc "How it ended, as it is caught."
  def caught(call) do
    call.()
  catch
    kind, reason -> {kind, reason}
  end

  @doc "Connects, unless it is connected."
  def reconnect do
    true = Node.connect(@rust)
    # Both have it before anything is asked.
    :pong = Node.ping(@rust)
    :ok
  end
end

Suite.start()
ExUnit.start()
