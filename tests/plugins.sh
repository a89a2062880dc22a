# Sourced by tests/run: the example plugins, built from their source for the pipelines that name them.

WASM_TARGET=wasm32-unknown-unknown

# Sets CATCHWATER_PLUGINS to a folder with the example plugins. Built once for each state of what they are made of.
prepare_plugins() {
    [ -z "${CATCHWATER_PLUGINS:-}" ] || return 0
    local key
    key=$(cd "$REPOSITORY" && find plugins-wasm sdk/guest sdk/wit tests/plugins.sh tests/rust-wasm.sh -type f -not -path '*/target/*' -print0 | sort -z |
        xargs -0 sha256sum | sha256sum | cut -c1-12)
    export CATCHWATER_PLUGINS="$CACHE/plugins-$key"
    prepare_plugin_compiler
    (
        flock 9
        [ -e "$CATCHWATER_PLUGINS/.complete" ] && exit 0
        echo "tests: building the example plugins into $CATCHWATER_PLUGINS" >&2
        build_plugins
    ) 9>"$CACHE/plugins.lock" || { echo "tests: the example plugins do not build, see above" >&2; exit 2; }
}

build_plugins() {
    local target="$CACHE/target-plugins" plugin
    mkdir -p "$CATCHWATER_PLUGINS"
    # Each for itself: what one wants of a library is not to slow down the others.
    for plugin in $(cd "$REPOSITORY/plugins-wasm" && ls -d */ | tr -d /); do
        [ -e "$REPOSITORY/plugins-wasm/$plugin/Cargo.toml" ] || continue
        env "${PLUGIN_ENVIRONMENT[@]}" CARGO_TARGET_DIR="$target" cargo build --quiet --locked --release --target "$WASM_TARGET" \
            --manifest-path "$REPOSITORY/plugins-wasm/$plugin/Cargo.toml" || return 1
        cp "$target/$WASM_TARGET/release/$plugin.wasm" "$CATCHWATER_PLUGINS" || return 1
    done
    touch "$CATCHWATER_PLUGINS/.complete"
}

# Sets PLUGIN_ENVIRONMENT: what cargo needs to build for the plugins' machine. Most often that is nothing, because rustup has
# the target or fetches it. Where it cannot, Debian's compiler and the source of its library are unpacked beside it.
prepare_plugin_compiler() {
    local unpacked="$CACHE/rust-wasm" sysroot
    sysroot=$(rustc --print sysroot)
    PLUGIN_ENVIRONMENT=()
    [ -d "$sysroot/lib/rustlib/$WASM_TARGET" ] && return
    command -v rustup >/dev/null && timeout 120 rustup target add "$WASM_TARGET" >/dev/null 2>&1 && return
    (
        flock 9
        [ -x "$unpacked/rustc" ] || "$REPOSITORY/tests/rust-wasm.sh" "$unpacked" >&2
    ) 9>"$CACHE/rust-wasm.lock" || { echo "tests: no compiler for $WASM_TARGET: rustup target add $WASM_TARGET" >&2; exit 2; }
    # The toolchain's own cargo: rustup's stand-in would choose the compiler itself.
    PLUGIN_ENVIRONMENT=("PATH=$sysroot/bin:$PATH" "RUSTC=$unpacked/rustc" RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_abort)
    export CATCHWATER_PLUGIN_ENVIRONMENT="${PLUGIN_ENVIRONMENT[*]}"
}
