-module(derl_discovery_static_tests).
-include_lib("eunit/include/eunit.hrl").

find(Nodes) ->
    case derl_discovery_static:configure([{nodes, Nodes}]) of
        {ok, Settings} -> derl_discovery_static:find(Settings);
        {error, What} -> lists:flatten(What)
    end.

names_test_() ->
    [?_assertEqual({ok, ['derl@derl-0.derl.ns.svc', 'derl@derl-1.derl.ns.svc']}, find(Nodes))
     || Nodes <- ["derl@derl-0.derl.ns.svc,derl@derl-1.derl.ns.svc", " derl@derl-1.derl.ns.svc ,\n derl@derl-0.derl.ns.svc,"]].

not_names_test_() ->
    [?_assertEqual("DISCOVERY_NODES is empty; it is a list of node names, with commas between them", find(Nodes)) || Nodes <- ["", " ", ","]]
    ++ [?_assertEqual("DISCOVERY_NODES contains " ++ Bad ++ ", which is not a node name (NAME@HOST)", find(Nodes))
        || {Nodes, Bad} <- [{"a@h,derl", "\"derl\""}, {"derl@", "\"derl@\""}, {"a@h@i", "\"a@h@i\""}, {"a@h b@h", "\"a@h b@h\""},
                            {"derl@derl-0.derl.$(NAMESPACE).svc", "\"derl@derl-0.derl.$(NAMESPACE).svc\""}]].
