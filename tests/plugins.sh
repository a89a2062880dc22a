# Sourced by tests/run: the example plugins, built from their source for the pipelines that name them.

WASM_TARGET=wasm32-unknown-unknown

# Sets CATCHWATER_PLUGINS to a folder with the example plugins. Built once for each state of what they are made of.
prepare_plugins() {
    [ -z "${CATCHWATER_PLUGINS:-}" ] || return 0
    local key
    key=$(cd "$REPOSITORY" && find plugins-wasm sdk/guest sdk/guest-js sdk/guest-python sdk/wit tests/plugins.sh tests/rust-wasm.sh -type f -not -path '*/target/*' -print0 | sort -z |
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
    local plugin folder
    mkdir -p "$CATCHWATER_PLUGINS"
    for folder in "$REPOSITORY"/plugins-wasm/*/; do
        plugin=$(basename "$folder")
        if [ -e "$folder/Cargo.toml" ]; then
            build_rust "$plugin"
        elif [ -e "$folder/package.json" ]; then
            (cd "$(node_tools)" && node "$REPOSITORY/sdk/guest-js/build.js" "$folder" "$CATCHWATER_PLUGINS/$plugin.wasm")
        elif [ -e "$folder/pyproject.toml" ]; then
            "$(python_tools)/bin/python" "$REPOSITORY/sdk/guest-python/build.py" "$folder" "$CATCHWATER_PLUGINS/$plugin.wasm"
        fi || return 1
    done
    touch "$CATCHWATER_PLUGINS/.complete"
}

# Each for itself: what one wants of a library is not to slow down the others.
build_rust() {
    local plugin=$1 target="$CACHE/target-plugins"
    env "${PLUGIN_ENVIRONMENT[@]}" CARGO_TARGET_DIR="$target" cargo build --quiet --locked --release --target "$WASM_TARGET" \
        --config "target.$WASM_TARGET.rustflags=['-C', 'target-feature=+simd128']" \
        --manifest-path "$REPOSITORY/plugins-wasm/$plugin/Cargo.toml" &&
        cp "$target/$WASM_TARGET/release/$plugin.wasm" "$CATCHWATER_PLUGINS"
}

# What builds plugins in JavaScript and in Python: the folder in which `catchwater plugin build` looks for it as well.
node_tools() {
    local sdk="$REPOSITORY/sdk/guest-js" folder
    folder="$CACHE/plugin-tools/javascript-$(sha256sum <"$sdk/package-lock.json" | cut -c1-12)"
    [ -e "$folder/.complete" ] || {
        rm -rf "$folder" && mkdir -p "$folder" && cp "$sdk"/package{,-lock}.json "$folder" &&
            npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel error >/dev/null && touch "$folder/.complete"
    } || return 1
    echo "$folder"
}

python_tools() {
    local requirements="$REPOSITORY/sdk/guest-python/requirements.txt" folder
    folder="$CACHE/plugin-tools/python-$(sha256sum <"$requirements" | cut -c1-12)"
    [ -e "$folder/.complete" ] || {
        rm -rf "$folder" && mkdir -p "$folder" && cp "$requirements" "$folder" && python3 -m venv "$folder" &&
            "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --requirement "$requirements" >&2 &&
            touch "$folder/.complete"
    } || return 1
    echo "$folder"
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
