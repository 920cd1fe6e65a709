defmodule Fixture do
  @moduledoc """
  A small Elixir node for beamlink's tests: `Fixture.start()` brings up the log, the record of node events, the
  servers, gossip as the environment says, and last the control channel on stdin, which prints `@@ready`.
  """

  @doc "Starts everything and returns; a node on which something does not start says what, and halts."
  def start do
    parent = self()
    {pid, monitor} = spawn_monitor(fn -> run(parent) end)

    receive do
      {:started, ^pid} ->
        Process.demonitor(monitor)
        :ok

      {:DOWN, ^monitor, :process, ^pid, reason} ->
        IO.puts(:stderr, "the fixture did not start: " <> inspect(reason))
        :erlang.halt(1)
    end
  end

  defp run(parent) do
    Process.register(self(), :fixture)
    Fixture.Log.install()
    {:ok, _} = Supervisor.start_link(children(), strategy: :one_for_one, max_restarts: 1_000)
    start_gossip(Fixture.Settings.gossip())
    send(parent, {:started, self()})
    Fixture.Control.loop()
  end

  defp children do
    [
      Fixture.Nodes,
      Fixture.Partitions,
      Fixture.Echo,
      Fixture.Counter,
      Fixture.Slow,
      Fixture.Crasher,
      Fixture.Ledger,
      Fixture.Keeper,
      Fixture.Later
    ] ++ pg(System.get_env("FIXTURE_PG")) ++ Fixture.ExESDB.children() ++ Fixture.Khepri.children()
  end

  # OTP 25's pg dies of what that of OTP 26 and later says to everybody.
  defp pg("off"), do: []
  defp pg(_), do: [%{id: :pg, start: {:pg, :start_link, [:fixture_scope]}}]

  defp start_gossip(:off), do: :ok

  defp start_gossip(config) do
    if Code.ensure_loaded?(Cluster.Supervisor) do
      {:ok, _} = Application.ensure_all_started(libcluster())
      topologies = [fixture: [strategy: Cluster.Strategy.Gossip, config: config]]
      {:ok, _} = apply(Cluster.Supervisor, :start_link, [[topologies, [name: :gossip]]])
    else
      {:ok, _} = Fixture.Gossip.start_link(config)
    end
  end

  # Compiled from LIBCLUSTER_PATH it is no application, and wants only the logger.
  defp libcluster do
    if :code.lib_dir(:libcluster) == {:error, :bad_name}, do: :logger, else: :libcluster
  end
end
