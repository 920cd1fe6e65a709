defmodule GenServerTest do
  @moduledoc "A GenServer in Rust, as its clients and its operators meet it."
  use ExUnit.Case
  import Suite

  setup do
    reconnect()
    counter = {:counter, rust()}
    # Another test may have ended it a moment ago.
    until(fn -> is_pid(:erpc.call(rust(), :erlang, :whereis, [:counter])) end)
    GenServer.call(counter, {:add, -GenServer.call(counter, :get)})
    {:ok, counter: counter, pid: :erpc.call(rust(), :erlang, :whereis, [:counter])}
  end

  defp ended(pid) do
    ref = Process.monitor(pid)
    fn -> receive(do: ({:DOWN, ^ref, :process, _, reason} -> reason), after: (10_000 -> :hang)) end
  end

  defp median(run) do
    times = for _ <- 1..51, do: elem(:timer.tc(run), 0)
    Enum.at(Enum.sort(times), 25)
  end

  test "call and cast, by name and by pid", %{counter: counter, pid: pid} do
    assert GenServer.call(counter, :get) == 0
    assert GenServer.call(pid, {:add, 40}) == 40
    assert GenServer.cast(counter, {:add, 1}) == :ok
    assert GenServer.cast(pid, {:add, 1}) == :ok
    assert GenServer.call(counter, :get) == 42
  end

  test "calls of one process are answered in order", %{counter: counter} do
    assert for(_ <- 1..1_000, do: GenServer.call(counter, {:add, 1})) == Enum.to_list(1..1_000)
  end

  test "calls of many processes are all answered", %{counter: counter} do
    calls = for _ <- 1..50, do: Task.async(fn -> for _ <- 1..20, do: GenServer.call(counter, {:add, 1}) end)
    answers = calls |> Task.await_many(60_000) |> List.flatten()
    assert Enum.sort(answers) == Enum.to_list(1..1_000)
  end

  test "a reply may come from elsewhere, while the server goes on", %{counter: counter} do
    later = Task.async(fn -> GenServer.call(counter, {:later, 200}) end)
    assert GenServer.call(counter, {:add, 1}) == 1
    assert Task.yield(later, 0) == nil
    assert Task.await(later) in [0, 1]
  end

  test "a call times out, and its late reply is dropped", %{counter: counter} do
    assert {:exit, {:timeout, {GenServer, :call, [^counter, {:later, 50}, 10]}}} =
             caught(fn -> GenServer.call(counter, {:later, 50}, 10) end)

    # This reply is sent after the late one.
    assert GenServer.call(counter, {:later, 200}) == 0
    assert Process.info(self(), :message_queue_len) == {:message_queue_len, 0}
  end

  test "send_request, wait_response and check_response", %{counter: counter} do
    request = :gen_server.send_request(counter, {:add, 5})
    assert :gen_server.wait_response(request, 5_000) == {:reply, 5}
    request = :gen_server.send_request(counter, {:later, 100})
    assert :gen_server.wait_response(request, 0) == :timeout
    assert :gen_server.receive_response(request, 5_000) == {:reply, 5}
  end

  test "multi_call names those who do not answer", %{counter: counter} do
    {name, _} = counter
    assert GenServer.multi_call([node(), rust()], name, :get, 5_000) == {[{rust(), 0}], [node()]}
    assert GenServer.multi_call([rust()], name, {:later, 500}, 10) == {[], [rust()]}
    assert GenServer.multi_call([rust()], :absent, :get, 5_000) == {[], [rust()]}
    assert GenServer.abcast([rust()], name, {:add, 3}) == :abcast
    assert GenServer.call(counter, :get) == 3
  end

  test "whoever is not there, or not any more, is noproc", %{pid: pid} do
    assert {:exit, {:noproc, _}} = caught(fn -> GenServer.call({:absent, rust()}, :get) end)
    gone = ended(pid)
    assert GenServer.stop(pid) == :ok
    assert gone.() == :normal
    assert {:exit, {:noproc, _}} = caught(fn -> GenServer.call(pid, :get) end)
    assert {:exit, {:noproc, _}} = caught(fn -> GenServer.stop({:absent, rust()}) end)
  end

  test "what it does not understand is an answer, and not its end", %{counter: counter, pid: pid} do
    assert {:error, {:bad_request, text}} = GenServer.call(counter, {:no_such, 1})
    assert text =~ "no_such"
    GenServer.cast(counter, :no_such)
    send(pid, :no_such)
    assert GenServer.call(pid, :get) == 0
  end

  test "stop with a reason", %{counter: counter, pid: pid} do
    gone = ended(pid)
    assert GenServer.stop(counter, {:shutdown, :enough}, 5_000) == :ok
    assert gone.() == {:shutdown, :enough}
  end

  test "it ends in a call: the caller gets its reply, monitors the reason", %{counter: counter, pid: pid} do
    gone = ended(pid)
    assert GenServer.call(counter, {:stop, :done}) == 0
    assert gone.() == :done
  end

  test "it panics in a call: the caller exits for that", %{counter: counter} do
    assert {:exit, {{:panic, "asked to"}, {GenServer, :call, [^counter, :panic, 5_000]}}} =
             caught(fn -> GenServer.call(counter, :panic) end)
  end

  test "its supervisor starts it again", %{counter: counter, pid: pid} do
    gone = ended(pid)
    Process.exit(pid, :kill)
    assert gone.() == :killed
    until(fn -> :erpc.call(rust(), :erlang, :whereis, [:counter]) not in [pid, :undefined] end)
    assert GenServer.call(counter, :get) == 0

    assert [{:counter, again, :worker, _}] = Supervisor.which_children({:supervisor, rust()})
    assert is_pid(again) and again != pid
    assert Supervisor.count_children({:supervisor, rust()}) == %{specs: 1, active: 1, supervisors: 0, workers: 1}
  end

  test "the loss of the connection ends a call", %{counter: counter} do
    call = Task.async(fn -> caught(fn -> GenServer.call(counter, {:later, 5_000}, 10_000) end) end)
    until(fn -> Task.yield(call, 50) == nil end)
    Node.disconnect(rust())
    assert {:exit, {{:nodedown, node}, _}} = Task.await(call)
    assert node == rust()
    reconnect()
  end

  describe "sys" do
    test "get_state", %{counter: counter, pid: pid} do
      GenServer.call(counter, {:add, 7})
      assert :sys.get_state(counter) == %{count: 7}
      assert :sys.get_state(pid) == %{count: 7}
    end

    test "get_status", %{counter: counter, pid: pid} do
      assert {:status, ^pid, {:module, :gen_server}, [dictionary, :running, parent, debug, misc]} =
               :sys.get_status(counter)

      assert is_list(dictionary) and is_pid(parent) and debug == []
      assert Enum.any?(misc, &match?({:data, [{~c"State", %{count: 0}}]}, &1))
    end

    # Of the citizenship battery, whose guest has no such server (tests/beam/citizen.rs).
    test "get_status takes no longer than of a server here, within 5 ms", %{counter: counter} do
      own = median(fn -> :sys.get_status(:logger) end)
      # A machine that is busy for a moment is looked at again.
      until(fn -> median(fn -> :sys.get_status(counter) end) <= own + 5_000 end, 10)
    end

    test "suspend and resume", %{counter: counter} do
      assert :sys.suspend(counter) == :ok
      call = Task.async(fn -> GenServer.call(counter, {:add, 1}) end)
      assert Task.yield(call, 100) == nil
      assert {:status, _, _, [_, :suspended | _]} = :sys.get_status(counter)
      assert :sys.resume(counter) == :ok
      assert Task.await(call) == 1
    end

    test "statistics", %{counter: counter} do
      assert :sys.statistics(counter, :get) == {:ok, :no_statistics}
      assert :sys.statistics(counter, true) == :ok
      for _ <- 1..3, do: GenServer.call(counter, :get)
      assert {:ok, statistics} = :sys.statistics(counter, :get)
      assert {statistics[:messages_in], statistics[:messages_out]} == {3, 3}
      assert {{_, _, _}, {_, _, _}} = statistics[:start_time]
      assert :sys.statistics(counter, false) == :ok
    end

    test "terminate", %{counter: counter, pid: pid} do
      gone = ended(pid)
      assert :sys.terminate(counter, :over) == :ok
      assert gone.() == :over
    end

    test "what it does not know is refused", %{counter: counter} do
      assert {:error, {:unknown_system_msg, _}} = :sys.trace(counter, true)
      assert {:error, _} = caught(fn -> :sys.replace_state(counter, & &1) end)
      assert GenServer.call(counter, :get) == 0
    end
  end
end
