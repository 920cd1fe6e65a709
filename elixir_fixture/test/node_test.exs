defmodule NodeTest do
  @moduledoc "The Rust node as a member of the cluster."
  use ExUnit.Case
  import Suite

  setup do
    reconnect()
  end

  test "it is connected, listed, and answers" do
    assert Node.connect(rust())
    assert Node.list() == [rust()]
    assert Node.list(:hidden) == []
    assert Node.ping(rust()) == :pong
    assert :erpc.call(rust(), :erlang, :node, []) == rust()
    assert :erpc.call(rust(), :erlang, :nodes, []) == [node()]
  end

  test "EPMD knows its name" do
    {:ok, names} = :net_adm.names(~c"localhost")
    assert {~c"zz_maint_rust", port} = List.keyfind(names, ~c"zz_maint_rust", 0)
    assert port > 0
  end

  test "it goes when it is disconnected, and comes again" do
    assert Node.disconnect(rust())
    until(fn -> Node.list() == [] end)
    assert Node.connect(rust())
    assert Node.list() == [rust()]
  end

  test "a message brings it back" do
    Node.disconnect(rust())
    until(fn -> Node.list() == [] end)
    assert GenServer.call({:counter, rust()}, {:add, 0}) |> is_integer()
    assert Node.list() == [rust()]
  end

  test "Node.monitor hears of its end" do
    Node.monitor(rust(), true)
    Node.disconnect(rust())
    assert_receive {:nodedown, node}, 10_000
    assert node == rust()
  end

  test "net_kernel.monitor_nodes hears of its end and its return" do
    :ok = :net_kernel.monitor_nodes(true, [:nodedown_reason, node_type: :visible])
    Node.disconnect(rust())
    assert_receive {:nodedown, node, info}, 10_000
    assert {node, info[:node_type], info[:nodedown_reason]} == {rust(), :visible, :disconnect}
    Node.connect(rust())
    assert_receive {:nodeup, ^node, [node_type: :visible]}, 10_000
    :ok = :net_kernel.monitor_nodes(false, [:nodedown_reason, node_type: :visible])
  end

  test "a wrong cookie is refused, the right one is not" do
    Node.disconnect(rust())
    until(fn -> Node.list() == [] end)
    :erlang.set_cookie(rust(), :wrong)
    on_exit(fn -> :erlang.set_cookie(rust(), Node.get_cookie()) end)
    refute Node.connect(rust())
    :erlang.set_cookie(rust(), Node.get_cookie())
    assert Node.connect(rust())
  end

  test "global goes on with it" do
    assert :global.sync() == :ok
    assert :global.register_name(:someone, self()) == :yes
    assert :global.trans({:lock, self()}, fn -> :done end) == :done
    assert :global.unregister_name(:someone)
  end

  test "pg goes on with it" do
    {:ok, pg} = :pg.start_link(:suite)
    assert :pg.join(:suite, :group, self()) == :ok
    assert :pg.get_members(:suite, :group) == [self()]
    GenServer.stop(pg)
  end
end
