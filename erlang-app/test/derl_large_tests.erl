-module(derl_large_tests).
-include_lib("eunit/include/eunit.hrl").

%% Whatever comes is dropped, and it goes on sending.
drops_what_comes_and_goes_on_test() ->
    {ok, Pid} = derl_large:start_link(1),
    Pid ! {large, <<>>},
    gen_server:cast(Pid, unknown),
    ?assertEqual({error, unknown_request}, gen_server:call(Pid, unknown)),
    timer:sleep(20),
    ?assert(is_process_alive(Pid)),
    unlink(Pid),
    exit(Pid, shutdown).
