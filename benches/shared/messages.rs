//! The messages that are measured, in Erlang's syntax, and the list of integers.

use beamlink::term::Term;

pub(crate) const GEN_CALL: &str = "{'$gen_call',{#Pid<'client@127.0.0.1',110,0,1700000000>,\
    #Ref<'client@127.0.0.1',1700000000,1000,2000,3000>},{get,key}}";
pub(crate) const MAP: &str = "#{id => 12345,name => <<\"a name of some length\">>,active => true,score => 99.5,role => admin,\
    tags => [a,b,c],count => 3000000000,parent => undefined,email => <<\"user@example.org\">>,at => {2026,11,23}}";
pub(crate) const EVENT: &str = "#{event_id => <<\"0f8fad5b-d9cb-469f-a165-70867728950e\">>,event_type => <<\"user_registered\">>,\
    stream_id => <<\"user-7c9e6679\">>,event_number => 42,data => #{name => <<\"Ada\">>,email => <<\"ada@example.org\">>},\
    metadata => #{},created => 1732370000123456,created_epoch => 1732370000}";

/// 64 KiB.
pub(crate) fn binary() -> Term {
    Term::Binary(vec![7; 65536].into())
}

/// 10,000 of up to 17 bits.
pub(crate) fn integers() -> Term {
    Term::list((0..10_000).map(|n| Term::from(n * 7 % 100_000)))
}
