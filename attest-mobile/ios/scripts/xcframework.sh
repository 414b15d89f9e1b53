#!/bin/sh
# Builds AttestFFI.xcframework, the native library as an app in Xcode links it, and the bindings that belong to it.
# Needs a Mac. Nobody has run it so far: what is known of it is that a shell reads it, that it stops elsewhere, and that
# `cargo xtask mobile check` compiles the same for the same targets.
set -eu

usage() {
    cat <<'END'
Usage: xcframework.sh [--intel] [--sign IDENTITY] [--help]

Builds the native library for iPhones and the simulator, and puts into attest-mobile/ios
  AttestFFI.xcframework                what Package.swift's binary target names
  Sources/AttestNative/attest.swift    the bindings that belong to it
and into target/xcframework/assembled
  AttestFFI.xcframework.zip            the same for a release, its checksum printed for `.binaryTarget(url:checksum:)`

  --intel            for simulators on Intel Macs, too (x86_64-apple-ios)
  --sign IDENTITY    sign it with this identity of the keychain

Needs macOS, Xcode with its command line tools, and Rust by rustup; missing tools are named, and nothing is installed.
END
}

fail() {
    printf 'xcframework.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

intel='' identity=''
while [ $# -gt 0 ]; do
    case $1 in
    --intel) intel=yes ;;
    --sign)
        [ $# -ge 2 ] || fail '--sign needs the name of an identity' 2
        identity=$2
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    *) fail "unknown argument $1; see --help" 2 ;;
    esac
    shift
done

[ "$(uname -s)" = Darwin ] || fail "this needs a Mac: Apple's tools for iOS run nowhere else"
package=$(cd "$(dirname "$0")/.." && pwd)
workspace=$(cd "$package/../.." && pwd)
builder=$workspace/xtask/src/mobile/build.rs

targets="aarch64-apple-ios aarch64-apple-ios-sim ${intel:+x86_64-apple-ios}"
for tool in cargo rustc xcrun xcodebuild swift lipo zip codesign; do
    command -v "$tool" >/dev/null || fail "$tool is missing: install Xcode and its command line tools, and Rust by rustup"
done
xcrun --sdk iphoneos --show-sdk-path >/dev/null 2>&1 ||
    fail "there is no SDK for iOS: install Xcode, and choose it: sudo xcode-select --switch /Applications/Xcode.app"
[ -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ] ||
    fail "the source of the standard library is missing: rustup component add rust-src"

# How the library is built stands in one place, where the check of every target reads it, too.
listed() {
    sed -n "/^const $1: /,/^];/s/^ *\"\(.*\)\",\$/\1/p" "$builder"
}
compile=$(listed COMPILE) generate=$(listed GENERATE)
if [ -z "$compile" ] || [ -z "$generate" ]; then fail "$builder has no COMPILE or no GENERATE: this script is behind it"; fi

# Paths of this computer are nobody's business.
unit=$(printf '\037')
flags="--remap-path-prefix=$workspace=/attest${unit}--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
flags="$flags${unit}--remap-path-prefix=$(rustc --print sysroot)/lib/rustlib/src/rust=/rust"
for flag in $compile; do flags="$flags$unit$flag"; done

cd "$workspace"
work=$workspace/target/xcframework
for target in $targets; do
    printf '== %s\n' "$target"
    # shellcheck disable=SC2086  # one argument each
    RUSTC_BOOTSTRAP=1 IPHONEOS_DEPLOYMENT_TARGET=15.0 CARGO_ENCODED_RUSTFLAGS=$flags CFLAGS='-g0' \
        cargo rustc --locked --target "$target" --target-dir "$work" --profile mobile \
        -Zbuild-std=std,panic_unwind -Zbuild-std-features=optimize_for_size \
        --package attest-mobile-library --crate-type staticlib -- $generate
done

printf '== bindings\n'
# They are read out of a library of this computer; what it offers is the same everywhere.
cargo build --locked --package attest-mobile-library --package attest-mobile-bindgen
rm -rf "$work/bindings" "$work/assembled"
target/debug/attest-mobile-bindgen --library target/debug/libattest.dylib bindings --language swift --out "$work/bindings"

# In a folder of its own: Xcode puts the headers of all packages into one.
headers=$work/assembled/headers
mkdir -p "$headers/attestFFI" "$work/assembled/simulator"
cp "$work/bindings/attestFFI.h" "$headers/attestFFI/"
printf 'module attestFFI {\n    header "attestFFI.h"\n    export *\n}\n' >"$headers/attestFFI/module.modulemap"

built() {
    printf '%s/%s/mobile/libattest.a' "$work" "$1"
}
if [ -n "$intel" ]; then
    lipo -create "$(built aarch64-apple-ios-sim)" "$(built x86_64-apple-ios)" -output "$work/assembled/simulator/libattest.a"
else
    cp "$(built aarch64-apple-ios-sim)" "$work/assembled/simulator/libattest.a"
fi

printf '== AttestFFI.xcframework\n'
framework=$work/assembled/AttestFFI.xcframework
xcodebuild -create-xcframework \
    -library "$(built aarch64-apple-ios)" -headers "$headers" \
    -library "$work/assembled/simulator/libattest.a" -headers "$headers" \
    -output "$framework"
[ -z "$identity" ] || codesign --timestamp --sign "$identity" "$framework"
(cd "$work/assembled" && zip --quiet --recurse-paths --symlinks AttestFFI.xcframework.zip AttestFFI.xcframework)

# Only what is whole takes the place of what was there.
rm -rf "$package/AttestFFI.xcframework"
mv "$framework" "$package/AttestFFI.xcframework"
cp "$work/bindings/Attest.swift" "$package/Sources/AttestNative/attest.swift"
printf '%s/AttestFFI.xcframework  made\n%s/AttestFFI.xcframework.zip  checksum ' "$package" "$work/assembled"
cd "$package" && swift package compute-checksum "$work/assembled/AttestFFI.xcframework.zip"
