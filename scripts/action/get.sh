#!/usr/bin/env bash
# Gets the meshproof binary: built from the action's own files, or from the archive of a release, whose checksum must be the one in the
# release's checksums.txt.
#
# In: GITHUB_ACTION_PATH, REPOSITORY (OWNER/NAME of the action), VERSION ("source" or a tag), GITHUB_SERVER_URL, RUNNER_OS, RUNNER_ARCH, RUNNER_TEMP.
# Out: the output meshproof, its path.
set -euo pipefail

if [ "$VERSION" = source ]; then
  make -s --no-print-directory -C "$GITHUB_ACTION_PATH" build | tee "$RUNNER_TEMP/meshproof-build.log"
  echo "meshproof=$(tail -n 1 "$RUNNER_TEMP/meshproof-build.log")" >>"$GITHUB_OUTPUT"
  exit
fi

case $RUNNER_OS in Linux) os=linux ;; macOS) os=darwin ;; *) echo "::error::there is no meshproof for $RUNNER_OS"; exit 1 ;; esac
case $RUNNER_ARCH in X64) arch=amd64 ;; ARM64) arch=arm64 ;; *) echo "::error::there is no meshproof for $RUNNER_ARCH"; exit 1 ;; esac
archive=meshproof_${VERSION#v}_${os}_$arch.tar.gz
dir=$(mktemp -d "$RUNNER_TEMP/meshproof.XXXXXX")
cd "$dir"
for file in "$archive" checksums.txt; do
  curl --fail --silent --show-error --location --retry 3 --output "$file" "$GITHUB_SERVER_URL/$REPOSITORY/releases/download/$VERSION/$file" ||
    { echo "::error::release $VERSION of $REPOSITORY has no $file, or it cannot be downloaded"; exit 1; }
done
# Exactly one line is for this archive, and it must be true.
awk -v file="$archive" '$2 == file || $2 == "*" file' checksums.txt >checksum
if [ "$(wc -l <checksum)" -ne 1 ]; then
  echo "::error::checksums.txt of release $VERSION does not have one line for $archive"
  exit 1
fi
if command -v sha256sum >/dev/null; then sum=(sha256sum); else sum=(shasum -a 256); fi
"${sum[@]}" --check checksum || { echo "::error::the checksum of $archive is not that of the release: it is not used"; exit 1; }
tar -xzf "$archive"
binary=$(find "$dir" -type f -name meshproof | head -n 1)
[ -x "$binary" ] || { echo "::error::$archive has no program meshproof"; exit 1; }
echo "meshproof=$binary" >>"$GITHUB_OUTPUT"
