%% Decodes JSON as the module json of OTP 27 does: objects are maps with binary keys, null is the atom. Invalid JSON raises
%% an exception. The module json is used from OTP 27 on; OTP 25 and 26 have none.
-module(derl_json).
-export([decode/1]).

-type value() :: null | boolean() | number() | binary() | [value()] | #{binary() => value()}.
-export_type([value/0]).

-spec decode(binary()) -> value().
-if(?OTP_RELEASE >= 27).
decode(Text) -> json:decode(Text).
-else.
decode(Text) ->
    {Value, Rest} = value(space(Text)),
    <<>> = space(Rest),
    Value.

-spec value(binary()) -> {value(), binary()}.
value(<<"null", Rest/binary>>) -> {null, Rest};
value(<<"true", Rest/binary>>) -> {true, Rest};
value(<<"false", Rest/binary>>) -> {false, Rest};
value(<<$", Rest/binary>>) -> string(Rest, <<>>);
value(<<$[, Rest/binary>>) ->
    case space(Rest) of
        <<$], After/binary>> -> {[], After};
        Items -> items(Items, [])
    end;
value(<<${, Rest/binary>>) ->
    case space(Rest) of
        <<$}, After/binary>> -> {#{}, After};
        Members -> members(Members, #{})
    end;
value(<<C, _/binary>> = Text) when C =:= $-; C >= $0, C =< $9 ->
    Length = digits(Text, 0),
    <<Number:Length/binary, Rest/binary>> = Text,
    {number(Number), Rest}.

-spec items(binary(), [value()]) -> {[value()], binary()}.
items(Text, Before) ->
    {Item, Rest} = value(Text),
    case space(Rest) of
        <<$,, After/binary>> -> items(space(After), [Item | Before]);
        <<$], After/binary>> -> {lists:reverse(Before, [Item]), After}
    end.

-spec members(binary(), #{binary() => value()}) -> {#{binary() => value()}, binary()}.
members(<<$", Text/binary>>, Before) ->
    {Key, Rest} = string(Text, <<>>),
    <<$:, Rest1/binary>> = space(Rest),
    {Value, Rest2} = value(space(Rest1)),
    case space(Rest2) of
        <<$,, After/binary>> -> members(space(After), Before#{Key => Value});
        <<$}, After/binary>> -> {Before#{Key => Value}, After}
    end.

-spec string(binary(), binary()) -> {binary(), binary()}.
string(<<$", Rest/binary>>, Before) -> {Before, Rest};
string(<<"\\u", Hex:4/binary, Rest/binary>>, Before) ->
    case {binary_to_integer(Hex, 16), Rest} of
        {High, <<"\\u", Low:4/binary, After/binary>>} when High >= 16#D800, High < 16#DC00 ->
            string(After, add(16#10000 + ((High - 16#D800) bsl 10) + binary_to_integer(Low, 16) - 16#DC00, Before));
        {Character, _} -> string(Rest, add(Character, Before))
    end;
string(<<$\\, C, Rest/binary>>, Before) -> string(Rest, <<Before/binary, (escaped(C))>>);
string(<<C, Rest/binary>>, Before) when C >= 16#20 -> string(Rest, <<Before/binary, C>>).

-spec add(char(), binary()) -> binary().
add(Character, Before) -> <<Before/binary, Character/utf8>>.

-spec escaped(byte()) -> byte().
escaped($b) -> $\b;
escaped($f) -> $\f;
escaped($n) -> $\n;
escaped($r) -> $\r;
escaped($t) -> $\t;
escaped(C) when C =:= $"; C =:= $\\; C =:= $/ -> C.

%% The number of bytes from here that may belong to a number; number/1 checks them.
-spec digits(binary(), non_neg_integer()) -> non_neg_integer().
digits(Text, At) ->
    case Text of
        <<_:At/binary, C, _/binary>> when C >= $0, C =< $9; C =:= $-; C =:= $+; C =:= $.; C =:= $e; C =:= $E -> digits(Text, At + 1);
        _ -> At
    end.

-spec number(binary()) -> number().
number(Text) ->
    case re:split(Text, "[eE]") of
        [Mantissa, Exponent] -> binary_to_float(<<(fraction(Mantissa))/binary, $e, Exponent/binary>>);
        [_] ->
            case binary:match(Text, <<".">>) of
                nomatch -> binary_to_integer(Text);
                _ -> binary_to_float(Text)
            end
    end.

%% Erlang needs a fraction before an exponent.
-spec fraction(binary()) -> binary().
fraction(Mantissa) ->
    case binary:match(Mantissa, <<".">>) of
        nomatch -> <<Mantissa/binary, ".0">>;
        _ -> Mantissa
    end.

-spec space(binary()) -> binary().
space(<<C, Rest/binary>>) when C =:= $\s; C =:= $\t; C =:= $\n; C =:= $\r -> space(Rest);
space(Text) -> Text.
-endif.
