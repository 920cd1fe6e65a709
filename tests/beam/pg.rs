//! `pg`: a scope of real nodes that a guest stands beside. The guest has none; what scopes send it is nobody's, and what
//! it sends harms none.

use interop::{BeamNode, BeamOptions, Otp};

use crate::ground::{
    COOKIE, ENCRYPTED, EPMD_PORT, Ground, LIMIT, LONG_LIMIT, lists, logged_nothing, on_ground,
    ready,
};

/// All that `pg` of OTP 23 to 29 sends to a scope of another node (`lib/kernel/src/pg.erl`: v0 has `{discover, Peer}`, v1
/// a version behind it), whole and bent, and terms at random.
const SHAPES: &str = "me = self(); groups = [{:g, [me, me]}, {make_ref(), []}]; \
    whole = [{:discover, me}, {:discover, me, 1}, {:discover, me, 2}, {:sync, me, groups}, {:join, me, :g, [me]}, \
    {:join, me, :g, me}, {:leave, me, me, [:g]}, {:leave, me, [me], [:g, :h]}, {:update, me, [:g], [me]}, \
    {:\"$gen_cast\", {:sync, me, groups}}, {:\"$gen_cast\", {:join, me, :g, [me]}}, {:\"$gen_call\", {me, make_ref()}, {:join_local, :g, me}}, \
    {:DOWN, make_ref(), :process, me, :normal}, {:nodeup, node()}, {:nodedown, node()}]; \
    :rand.seed(:exsss, {1, 2, 3}); any = fn any, depth -> case :rand.uniform(if(depth > 3, do: 4, else: 7)) do \
    1 -> me; 2 -> :g; 3 -> :rand.uniform(1_000_000); 4 -> :crypto.strong_rand_bytes(9); \
    5 -> for(_ <- 1..3, do: any.(any, depth + 1)); 6 -> %{any.(any, depth + 1) => any.(any, depth + 1)}; \
    7 -> List.to_tuple(for(_ <- 1..4, do: any.(any, depth + 1))) end end; \
    heads = [:discover, :sync, :join, :leave, :update, :\"$gen_cast\", :\"$gen_call\"]; \
    bent = for(head <- heads, size <- 0..4, _ <- 1..20, do: List.to_tuple([head | List.duplicate(any.(any, 0), size)])); \
    for shape <- whole ++ bent, do: send({:fixture_scope, :zz_maint_beamlink@node0}, shape); :sent";

#[test]
fn scopes_of_every_release_are_whole_beside_a_guest() {
    let name = "scopes_of_every_release_are_whole_beside_a_guest";
    on_ground(name, Ground::new(&["node0"]), |ground| {
        // Each among its own: the scope of an OTP 25 dies of what OTP 29 says to it.
        for otp in Otp::all() {
            scopes_are_whole(&ground, &otp);
        }
    });
}

fn scopes_are_whole(ground: &Ground, otp: &Otp) {
    let start = |at: usize| {
        let options = BeamOptions::new(otp, &format!("ex_esdb{at}@node0"), COOKIE, EPMD_PORT);
        ENCRYPTED.of_beam(options.on(&ground.hosts[0]).net_ticktime(4))
    };
    let mut nodes = BeamNode::start_all((0..2).map(start).collect()).unwrap();
    for node in &mut nodes {
        node.wait_until("length(Node.list())", "1", LONG_LIMIT);
        node.value(":persistent_term.put(:scope, Process.whereis(:fixture_scope))");
        node.value(":pg.join(:fixture_scope, :all, Process.whereis(:echo))");
    }
    let whole = |nodes: &mut Vec<BeamNode>| {
        for node in nodes {
            node.wait_until("length(:pg.get_members(:fixture_scope, :all))", "2", LIMIT);
            let same = "Process.whereis(:fixture_scope) == :persistent_term.get(:scope)";
            assert_eq!(node.value(same), "true", "{}", otp.name());
        }
    };
    whole(&mut nodes);
    let guest = ground.guest(0);
    let beamlink = ready(ENCRYPTED.of_beamlink(ground.beamlink(0)));
    for node in &mut nodes {
        lists(node, &guest, LONG_LIMIT);
        assert_eq!(node.value(SHAPES), ":sent");
        // It has taken all that came before.
        let pong = node.value(":net_adm.ping(:zz_maint_beamlink@node0)");
        assert_eq!(pong, ":pong");
        let asked = "Enum.uniq(for _ <- 1..100, do: is_list(:rpc.call(:zz_maint_beamlink@node0, :erlang, :nodes, [])))";
        assert_eq!(node.value(asked), "[true]");
    }
    whole(&mut nodes);
    beamlink.kill9();
    for node in &mut nodes {
        node.wait_until("length(Node.list())", "1", LONG_LIMIT);
    }
    whole(&mut nodes);
    logged_nothing(&mut nodes);
}
