# Sourced by the scripts beside it: where built and downloaded things are kept, and the Python that the tests run on.
# Everything lies in the user's cache folder, keyed by what was asked for, so that a changed requirement installs anew.

CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/catchwater"
export CATCHWATER_CACHE="$CACHE"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$CACHE/target}"
export PYTHONPYCACHEPREFIX="$CACHE/pycache"
export PYTHONPATH="$REPOSITORY/tests"

# Names everything that is missing in one line, rather than one thing a run.
require() {
    local missing=()
    for tool in "$@"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    [ ${#missing[@]} -eq 0 ] && return
    echo "tests: please install: ${missing[*]} (Debian: apt-get install default-jdk-headless maven nodejs npm python3-venv gcc g++ cmake make perl openssl; cargo from https://rustup.rs)" >&2
    exit 2
}

# Sets PYTHON to an interpreter that has what requirements.txt names.
prepare_python() {
    local requirements="$REPOSITORY/tests/requirements.txt" key venv
    key=$(cat "$requirements" <(python3 --version) | sha256sum | cut -c1-12)
    venv="$CACHE/venv-$key"
    mkdir -p "$CACHE"
    (
        flock 9
        [ -e "$venv/.complete" ] && exit 0
        echo "tests: installing Python packages into $venv" >&2
        rm -rf "$venv"
        python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" && touch "$venv/.complete"
    ) 9>"$CACHE/venv.lock" || { echo "tests: python packages could not be installed, see above" >&2; exit 2; }
    PYTHON="$venv/bin/python"
}
