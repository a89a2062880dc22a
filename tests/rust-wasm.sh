#!/usr/bin/env bash
# rust-wasm.sh FOLDER: unpacks Debian's Rust compiler with the source of its standard library, beside the one from rustup.
#
# For machines where rustup cannot fetch a target for WebAssembly. Nothing is installed: Debian's package and rustup exclude
# each other. Names are resolved when it runs, since an update takes the old version away.
set -euo pipefail

folder=$1
mkdir -p "$folder/packages"
cd "$folder/packages"

dependency() { apt-cache depends "$1" | sed -n "s/^ *Depends: \($2\).*/\1/p" | head -1; }

apt-get update -qq
version=$(apt-cache policy rustc-web | sed -n 's/^ *Candidate: //p')
library=$(dependency "libstd-rust-web-dev=$version" 'libstd-rust-web-[0-9.]*')
llvm=$(dependency "$library=$version" 'libllvm[0-9]*')
apt-get download -q "rustc-web=$version" "$library=$version" "libstd-rust-web-dev=$version" "rust-web-src=$version" "$llvm"
for package in *.deb; do dpkg -x "$package" "$folder"; done
cd /
rm -rf "$folder/packages"

# The linkers are those that rustup has.
tools=lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin
ln -sfn "$(rustc --print sysroot)/$tools" "$folder/usr/$tools"
# Written last: it is what says that all of it is there.
cat > "$folder/rustc.partial" <<TEXT
#!/bin/sh
LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu exec $folder/usr/bin/rustc "\$@"
TEXT
chmod +x "$folder/rustc.partial"
"$folder/rustc.partial" -V
mv "$folder/rustc.partial" "$folder/rustc"
