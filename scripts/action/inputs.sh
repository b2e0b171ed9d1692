#!/usr/bin/env bash
# Refuses inputs that the action does not have, which GitHub lets pass with a warning, and values that make no sense. Decides
# which meshproof is used.
#
# In: INPUTS (all of them as JSON), GITHUB_ACTION_PATH, ACTION_REF, VERSION, FAIL_ON, UPLOAD.
# Out: the output version, "source" or a tag; if it refuses, the outputs verdict and exit-code.
set -euo pipefail

refuse() {
  printf 'verdict=usage\nexit-code=64\n' >>"$GITHUB_OUTPUT"
  echo "::error title=meshproof::$1"
  exit 1
}

known=$(sed -n '/^inputs:/,/^outputs:/ s/^  \([a-z-]*\):$/\1/p' "$GITHUB_ACTION_PATH/action.yml")
# The names in JSON whose values are strings: a quote in a value has a backslash before it, and so has none of its colons a quote.
given=$(grep -oE '"[^"\\]*"[[:space:]]*:' <<<"$INPUTS" | cut -d '"' -f 2) || refuse "the inputs cannot be read: $INPUTS"
while read -r name; do
  grep -qxiF -e "$name" <<<"$known" || refuse "there is no input $name: it must be one of $(tr '\n' ' ' <<<"$known")"
done <<<"$given"

case $FAIL_ON in fail | unknown) ;; *) refuse "fail-on is '$FAIL_ON': it must be fail or unknown" ;; esac
case $UPLOAD in true | false) ;; *) refuse "upload is '$UPLOAD': it must be true or false" ;; esac

release='^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$'
if [ "$VERSION" = source ]; then
  version=source
elif [[ $VERSION =~ $release ]]; then
  version=v${VERSION#v}
elif [ -n "$VERSION" ]; then
  refuse "version is '$VERSION': it must be source or a release such as v1.2.3"
elif [[ $ACTION_REF =~ $release ]]; then
  version=$ACTION_REF
else
  version=source
fi
echo "version=$version" >>"$GITHUB_OUTPUT"
