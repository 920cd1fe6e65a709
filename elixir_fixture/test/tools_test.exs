defmodule ToolsTest do
  @moduledoc "What tools ask of every node in `Node.list()`."
  use ExUnit.Case
  import Suite

  setup do
    reconnect()
  end

  defp ask(module \\ :erlang, function, arguments), do: :rpc.call(rust(), module, function, arguments, 10_000)

  test "system_info" do
    for item <- [:process_count, :process_limit, :schedulers, :schedulers_online, :logical_processors] do
      assert {item, value} = {item, ask(:system_info, [item])}
      assert is_integer(value) and value > 0, "#{item}: #{inspect(value)}"
    end

    assert ask(:system_info, [:wordsize]) == 8
    assert ask(:system_info, [:otp_release]) |> List.to_integer() >= 25
    for item <- [:system_version, :system_architecture, :version], do: assert([_ | _] = ask(:system_info, [item]))
    assert {:badrpc, {:EXIT, {:badarg, _}}} = ask(:system_info, [:nonsense])
  end

  test "memory" do
    memory = ask(:memory, [])
    assert memory[:total] > 1_000_000
    assert Enum.sort(Keyword.keys(memory)) == Enum.sort(Keyword.keys(:erlang.memory()))
    assert ask(:memory, [:total]) > 1_000_000
    assert [total: _, system: _] = ask(:memory, [[:total, :system]])
    assert {:badrpc, {:EXIT, {:badarg, _}}} = ask(:memory, [:nonsense])
  end

  test "statistics" do
    for item <- [:wall_clock, :runtime, :reductions, :context_switches] do
      assert {total, since} = ask(:statistics, [item])
      assert is_integer(total) and is_integer(since)
    end

    assert {{:input, input}, {:output, output}} = ask(:statistics, [:io])
    assert input > 0 and output > 0
    assert is_integer(ask(:statistics, [:run_queue]))
    assert is_integer(ask(:statistics, [:total_run_queue_lengths]))
    assert {_, _, _} = ask(:statistics, [:garbage_collection])
  end

  test "processes and process_info" do
    counter = ask(:whereis, [:counter])
    processes = ask(:processes, [])
    assert counter in processes
    for pid <- processes, info = ask(:process_info, [pid]), info != :undefined, do: assert(info[:status])

    info = ask(:process_info, [counter])
    assert {info[:registered_name], info[:message_queue_len]} == {:counter, 0}

    items = [:registered_name, :memory, :reductions, :message_queue_len, :current_function, :initial_call, :dictionary]
    assert ask(:process_info, [counter, items]) |> Keyword.keys() == items
    assert {:links, [_ | _]} = ask(:process_info, [counter, :links])
    assert ask(:process_info, [:erpc.call(rust(), Suite, :worker, [self()]), :registered_name]) == []
    assert {:badrpc, {:EXIT, {:badarg, _}}} = ask(:process_info, [counter, :nonsense])
    assert ask(:is_process_alive, [counter])
  end

  test "registered" do
    names = ask(:registered, [])
    for name <- [:counter, :supervisor, :rex, :net_kernel, :user, :global_name_server], do: assert(name in names)
  end

  test "applications, code and the tick time" do
    assert [{:beamlink, _, version}] = ask(:application, :which_applications, [])
    assert List.to_string(version) =~ ~r/^\d+\.\d+\.\d+$/
    assert ask(:application, :which_applications, [5_000]) |> length() == 1
    assert ask(:code, :which, [:lists]) == :non_existing
    assert ask(:net_kernel, :get_net_ticktime, []) == 60
  end

  test "observer's backend is not there, which is said at once" do
    for {function, arguments} <- [
          sys_info: [],
          get_table_list: [:ets, []],
          get_port_list: [],
          procs_info: [self()],
          etop_collect: [self()],
          get_mnesia_loop: [self(), false]
        ] do
      assert {:badrpc, {:EXIT, {:undef, [{:observer_backend, ^function, _, _}]}}} =
               ask(:observer_backend, function, arguments)
    end
  end

  test "what a LiveDashboard asks for its node picker" do
    assert {:badrpc, {:EXIT, {:undef, _}}} = ask(:code, :is_loaded, [Phoenix.LiveDashboard.SystemInfo])
    assert {:badrpc, {:EXIT, {:undef, _}}} = ask(:code, :load_binary, [:m, ~c"m", <<>>])
  end

  test "the io protocol" do
    user = {:user, rust()}
    assert io(user, {:put_chars, :unicode, "printed by the suite\n"}) == :ok
    assert io(user, {:get_line, :unicode, ""}) == {:error, :enotsup}
    assert io(user, {:requests, [{:put_chars, :unicode, "a"}, {:put_chars, :unicode, "b\n"}]}) == :ok
    assert {:error, _} = io(user, :nonsense)
    assert is_list(io(user, :getopts))
  end

  defp io(user, request) do
    tag = make_ref()
    send(user, {:io_request, self(), tag, request})
    assert_receive {:io_reply, ^tag, reply}, 10_000
    reply
  end
end
