-module(derl_discovery_tests).
-include_lib("eunit/include/eunit.hrl").

family_test_() ->
    [?_assertEqual(Family, derl_discovery:family(Flag))
     || {Family, Flag} <- [{inet, error}, {inet, {ok, [["inet_tcp"]]}}, {inet, {ok, [["inet_tls"]]}},
                           {inet6, {ok, [["inet6_tcp"]]}}, {inet6, {ok, [["inet6_tls"]]}},
                           {inet6, {ok, [["inet6_tcp"], ["inet_tcp"]]}}, {inet, {ok, [["inet_tcp"], ["inet6_tcp"]]}}]].

%% As Kubernetes writes them in status.podIP (RFC 5952), of which the peers' own names are made.
node_name_test_() ->
    [?_assertEqual(Name, derl_discovery:node_name(Address))
     || {Name, Address} <- [{'derl@10.0.0.1', {10, 0, 0, 1}},
                            {'derl@fd00:10:244::5', {16#fd00, 16#10, 16#244, 0, 0, 0, 0, 5}},
                            {'derl@fd00:10:244:0:1:2:3:4', {16#fd00, 16#10, 16#244, 0, 1, 2, 3, 4}}]].
