defmodule ProcessTest do
  @moduledoc "Processes in Rust: links, monitors, exits, and how they come to be."
  use ExUnit.Case
  import ExUnit.CaptureLog
  import Suite

  setup do
    reconnect()
    Process.flag(:trap_exit, true)
    {:ok, worker: :erpc.call(rust(), Suite, :worker, [self()])}
  end

  describe "monitor" do
    test "of a process that ends", %{worker: worker} do
      ref = Process.monitor(worker)
      send(worker, {:exit, {:shutdown, %{why: "enough"}}})
      assert_receive {:DOWN, ^ref, :process, ^worker, {:shutdown, %{why: "enough"}}}, 10_000
    end

    test "of one that is gone, and of an absent name", %{worker: worker} do
      ref = Process.monitor(worker)
      send(worker, {:exit, :normal})
      assert_receive {:DOWN, ^ref, :process, ^worker, :normal}, 10_000
      ref = Process.monitor(worker)
      assert_receive {:DOWN, ^ref, :process, ^worker, :noproc}, 10_000
      ref = Process.monitor({:absent, rust()})
      assert_receive {:DOWN, ^ref, :process, {:absent, _}, :noproc}, 10_000
    end

    test "of a name", %{worker: _} do
      ref = Process.monitor({:counter, rust()})
      refute_receive {:DOWN, ^ref, _, _, _}, 50
      assert Process.demonitor(ref, [:flush, :info])
    end

    test "when the node goes", %{worker: worker} do
      ref = Process.monitor(worker)
      Node.disconnect(rust())
      assert_receive {:DOWN, ^ref, :process, ^worker, :noconnection}, 10_000
    end

    test "that was taken back", %{worker: worker} do
      ref = Process.monitor(worker)
      Process.demonitor(ref)
      send(worker, {:exit, :normal})
      refute_receive {:DOWN, ^ref, _, _, _}, 100
    end
  end

  describe "link" do
    test "theirs ends: we hear of it", %{worker: worker} do
      Process.link(worker)
      send(worker, {:exit, :bored})
      assert_receive {:EXIT, ^worker, :bored}, 10_000
    end

    test "ours ends: it hears of it", %{worker: worker} do
      pid = spawn(fn -> receive(do: (:end -> exit(:ill))) end)
      send(worker, {:link, pid})
      assert_receive {^worker, :linked}, 10_000
      until(fn -> Process.info(pid, :links) == {:links, [worker]} end)
      send(pid, :end)
      assert_receive {^worker, {:exit, ^pid, :ill}}, 10_000
    end

    test "unlink ends it", %{worker: worker} do
      Process.link(worker)
      Process.unlink(worker)
      ref = Process.monitor(worker)
      send(worker, {:exit, :bored})
      assert_receive {:DOWN, ^ref, _, _, :bored}, 10_000
      refute_received {:EXIT, ^worker, _}
    end

    test "to one that is gone", %{worker: worker} do
      ref = Process.monitor(worker)
      send(worker, {:exit, :normal})
      assert_receive {:DOWN, ^ref, _, _, _}, 10_000
      Process.link(worker)
      assert_receive {:EXIT, ^worker, :noproc}, 10_000
    end

    test "when the node goes", %{worker: worker} do
      Process.link(worker)
      Node.disconnect(rust())
      assert_receive {:EXIT, ^worker, :noconnection}, 10_000
    end
  end

  describe "exit" do
    test "is trapped", %{worker: worker} do
      me = self()
      Process.exit(worker, :please)
      assert_receive {^worker, {:exit, ^me, :please}}, 10_000
    end

    test "kill is not", %{worker: worker} do
      ref = Process.monitor(worker)
      Process.exit(worker, :kill)
      assert_receive {:DOWN, ^ref, _, _, :killed}, 10_000
    end
  end

  describe "Node.spawn" do
    test "of an exported function" do
      pid = Node.spawn(rust(), Suite, :tell, [self(), :spawned])
      assert node(pid) == rust()
      assert_receive :spawned, 10_000
      {pid, ref} = Node.spawn_monitor(rust(), Suite, :tell, [self(), :monitored])
      assert_receive :monitored, 10_000
      assert_receive {:DOWN, ^ref, :process, ^pid, :normal}, 10_000
      pid = Node.spawn_link(rust(), Suite, :error, [:bad])
      assert_receive {:EXIT, ^pid, {:bad, [{Suite, :error, 1, _}]}}, 10_000
    end

    test "of a missing one" do
      {pid, ref} = Node.spawn_monitor(rust(), Suite, :absent, [1])
      assert_receive {:DOWN, ^ref, :process, ^pid, {:undef, [{Suite, :absent, [1], []}]}}, 10_000
      pid = Node.spawn_link(rust(), :os, :cmd, [~c"id"])
      assert_receive {:EXIT, ^pid, {:undef, [{:os, :cmd, _, _} | _]}}, 10_000
    end

    test "of a fun is refused, and says so" do
      assert {:error, :notsup} = caught(fn -> Node.spawn_monitor(rust(), fn -> 1 end) end)

      # For these OTP starts a process here that says so, and ends for the reason.
      log =
        capture_log(fn ->
          pid = Node.spawn_link(rust(), fn -> 1 end)
          assert_receive {:EXIT, ^pid, :notsup}, 10_000
          Process.monitor(Node.spawn(rust(), fn -> 1 end))
          assert_receive {:DOWN, _, :process, _, _}, 10_000
        end)

      assert length(String.split(log, "Can not start :erlang::apply")) == 3
    end

    test "spawn_request" do
      request = :erlang.spawn_request(rust(), Suite, :tell, [self(), :requested], [:monitor])
      assert_receive {:spawn_reply, ^request, :ok, pid}, 10_000
      assert_receive :requested, 10_000
      assert_receive {:DOWN, ^request, :process, ^pid, :normal}, 10_000
    end
  end

  describe "what would run a fun over there is refused" do
    test "Task.Supervisor.async" do
      assert {:exit, {:noproc, _}} = caught(fn -> Task.Supervisor.async({Tasks, rust()}, fn -> 1 end) end)
      assert {:exit, {:noproc, _}} = caught(fn -> Task.Supervisor.async({Tasks, rust()}, Suite, :add, [1, 2]) end)
      # One that is there, and is no such supervisor.
      assert {:error, refused} = caught(fn -> Task.Supervisor.async({:supervisor, rust()}, fn -> 1 end) end)
      assert inspect(refused) =~ "notsup"
      assert {:error, refused} = caught(fn -> Task.Supervisor.async({:counter, rust()}, fn -> 1 end) end)
      assert inspect(refused) =~ "bad_request"
    end

    test "DynamicSupervisor and Supervisor.start_child" do
      child = %{id: :task, start: {Task, :start_link, [fn -> 1 end]}}
      assert {:error, :notsup} = DynamicSupervisor.start_child({:supervisor, rust()}, child)
      assert {:error, :notsup} = Supervisor.start_child({:supervisor, rust()}, child)
    end

    test "Agent" do
      assert {:exit, {:noproc, _}} = caught(fn -> Agent.get({:absent, rust()}, & &1) end)
      assert {:error, {:bad_request, _}} = Agent.get({:counter, rust()}, & &1)
    end

    test "erpc of a fun" do
      assert {:error, {:exception, :undef, _}} = caught(fn -> :erpc.call(rust(), fn -> 1 end) end)
      assert {:badrpc, {:EXIT, {:undef, _}}} = :rpc.call(rust(), :erlang, :apply, [fn -> 1 end, []])
    end
  end

  test "a process's group leader is that of who spawned it" do
    pid = Node.spawn(rust(), Suite, :sleep, [5_000])
    until(fn -> :erpc.call(rust(), :erlang, :process_info, [pid, :group_leader]) == {:group_leader, Process.group_leader()} end)
    Process.exit(pid, :kill)
  end
end
