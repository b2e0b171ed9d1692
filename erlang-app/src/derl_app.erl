%% Starts the application, or logs in one line what is wrong with its configuration.
-module(derl_app).
-behaviour(application).
-include_lib("kernel/include/logger.hrl").
-export([start/2, stop/1]).

-spec start(application:start_type(), term()) -> {ok, pid()} | {error, term()}.
start(_Type, _Args) ->
    case derl_config:read(application:get_all_env(derl)) of
        {ok, Config} ->
            derl_sup:start_link(Config);
        {error, What} ->
            ?LOG_ERROR("derl cannot start: ~ts", [What]),
            {error, {configuration, What}}
    end.

-spec stop(term()) -> ok.
stop(_State) -> ok.
