defmodule Bench do
  @moduledoc "What the suite measures in a BEAM. Compiled, because what is evaluated is slow."

  @doc "Nanoseconds of one `term_to_binary/1` (`:encode`) or `binary_to_term/1` (`:decode`), measured for so many milliseconds."
  def term(what, slice, hex) do
    binary = Base.decode16!(hex, case: :lower)
    term = :erlang.binary_to_term(binary)
    given = if what == :encode, do: term, else: binary
    guess = max(each(what, given, 20), 1)
    each(what, given, max(div(trunc(slice * 1_000_000), trunc(guess)), 20))
  end

  defp each(what, given, times) do
    # In a process of its own, so that no garbage of the one before is collected here.
    task = Task.async(fn -> nanos(fn -> repeat(what, given, times, nil) end) end)
    Task.await(task, :infinity) / times
  end

  defp nanos(work) do
    start = System.monotonic_time(:nanosecond)
    work.()
    System.monotonic_time(:nanosecond) - start
  end

  # The result is handed on: the compiler drops calls whose result is not used.
  defp repeat(_, _, 0, last), do: last
  defp repeat(:encode, term, n, _), do: repeat(:encode, term, n - 1, :erlang.term_to_binary(term))
  defp repeat(:decode, binary, n, _), do: repeat(:decode, binary, n - 1, :erlang.binary_to_term(binary))

  @doc "Calls one after the other: p50 and p99 in nanoseconds."
  def calls(server, count), do: percentiles(call(server, count, []))

  defp call(_, 0, taken), do: taken

  defp call(server, n, taken) do
    start = System.monotonic_time(:nanosecond)
    {:get, :key} = GenServer.call(server, {:get, :key})
    call(server, n - 1, [System.monotonic_time(:nanosecond) - start | taken])
  end

  def rpcs(node, count), do: percentiles(rpc(node, count, []))

  defp rpc(_, 0, taken), do: taken

  defp rpc(node, n, taken) do
    start = System.monotonic_time(:nanosecond)
    ^node = :erpc.call(node, :erlang, :node, [])
    rpc(node, n - 1, [System.monotonic_time(:nanosecond) - start | taken])
  end

  @doc "Many callers at once: p50 and p99 in nanoseconds, and calls a second."
  def many(server, callers, each) do
    start = System.monotonic_time(:nanosecond)
    tasks = for _ <- 1..callers, do: Task.async(fn -> call(server, each, []) end)
    taken = Enum.flat_map(tasks, &Task.await(&1, :infinity))
    passed = System.monotonic_time(:nanosecond) - start
    percentiles(taken) ++ [callers * each * 1.0e9 / passed]
  end

  defp percentiles(taken) do
    sorted = taken |> Enum.sort() |> List.to_tuple()
    for share <- [50, 99], do: elem(sorted, div(tuple_size(sorted) * share, 100))
  end

  @doc "Sends `count` messages to `sink` on `node`: `{:tick, number}`, or binaries of `size` bytes. When it began."
  def send_all(node, count, size) do
    binary = :binary.copy(<<7>>, size)
    start = System.os_time(:nanosecond)
    if size == 0, do: ticks({:sink, node}, count), else: binaries({:sink, node}, count, binary)
    [start]
  end

  defp binaries(_, 0, _), do: :ok

  defp binaries(to, n, binary) do
    send(to, binary)
    binaries(to, n - 1, binary)
  end

  defp ticks(_, 0), do: :ok

  defp ticks(to, n) do
    send(to, {:tick, n})
    ticks(to, n - 1)
  end

  @doc "Starts a process `sink` that counts `count` messages."
  def sink(count) do
    pid = spawn(fn -> count(count) end)
    # One whose sender gave up may still be there.
    if old = Process.whereis(:sink) do
      Process.unregister(:sink)
      Process.exit(old, :kill)
    end

    true = Process.register(pid, :sink)
    []
  end

  # It does not count `{:end, from}`, which may come before the last message.
  defp count(count) do
    rest(count)
    now = System.os_time(:nanosecond)

    receive do
      {:end, from} -> send(from, {:ended, now})
    end
  end

  defp rest(0), do: :ok

  defp rest(n) do
    receive do
      {:tick, _} -> rest(n - 1)
      binary when is_binary(binary) -> rest(n - 1)
    end
  end

  @doc "When the sink had all."
  def wait do
    send(:sink, {:end, self()})

    receive do
      {:ended, now} -> [now]
    after
      60_000 -> raise "the sink did not get all"
    end
  end

  @doc "So many processes that wait."
  def spawn_idle(count) do
    pids = for _ <- 1..count, do: spawn(&idle/0)
    Process.register(spawn(fn -> keep(pids) end), :idle)
    [length(pids)]
  end

  @doc "Ends them."
  def end_idle, do: send(:idle, :end)

  defp idle do
    receive do
      :end -> :ok
    end
  end

  defp keep(pids) do
    idle()
    Enum.each(pids, &send(&1, :end))
  end

  @doc "The port on which it takes connections."
  def port do
    {:ok, names} = :erl_epmd.names({127, 0, 0, 1})
    [name, _] = node() |> Atom.to_charlist() |> :string.split(~c"@")
    {_, port} = List.keyfind(names, name, 0)
    [port]
  end
end
