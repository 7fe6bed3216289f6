#!/bin/sh
# Makes a bare Debian 13 into what the learner runs on: Node.js, Millrace's dependencies, and the libraries of one engine. Run in the
# folder that holds Millrace's package.json; infra/learner.Dockerfile does, and so does the check of it.
#
#   install.sh onnxruntime-cpu | onnxruntime-cuda | tfjs-node-gpu
set -eu

engine=${1:?"which engine: onnxruntime-cpu, onnxruntime-cuda or tfjs-node-gpu"}
here=$(cd "$(dirname "$0")" && pwd)
export DEBIAN_FRONTEND=noninteractive

case $engine in
onnxruntime-cpu) build='npm' libraries= ;;
onnxruntime-cuda) build='npm python3-pip' libraries=cuda13 ;;
tfjs-node-gpu) build='npm python3-pip' libraries=cuda11 ;;
*)
  echo "there is no engine $engine" >&2
  exit 64
  ;;
esac
case $(dpkg --print-architecture) in
amd64) arch=x64 ;;
arm64) arch=arm64 ;;
*) arch=none ;;
esac
if [ "$arch" = none ] || { [ -n "$libraries" ] && [ "$arch" != x64 ]; }; then
  echo "the engine $engine does not run on $(dpkg --print-architecture)" >&2
  exit 64
fi

apt-get update -q
# shellcheck disable=SC2086 # several packages
apt-get install -qy --no-install-recommends ca-certificates nodejs tini $build

# Only what runs, of the versions that package.json pins, and no script of a package.
npm pkg delete scripts devDependencies peerDependencies peerDependenciesMeta
npm install --ignore-scripts --no-package-lock --no-audit --no-fund
binaries=node_modules/onnxruntime-node/bin/napi-v6
find "$binaries" -mindepth 2 -maxdepth 2 ! -path "$binaries/linux/$arch" -exec rm -r {} +

if [ "$engine" = tfjs-node-gpu ]; then
  # The one package whose script is let run: it downloads TensorFlow and the binding for it.
  npm install --ignore-scripts --no-package-lock --no-audit --no-fund --no-save @tensorflow/tfjs-node-gpu@4.22.0
  npm rebuild --ignore-scripts=false @tensorflow/tfjs-node-gpu
fi

if [ -n "$libraries" ]; then
  python3 -m pip install --quiet --no-cache-dir --no-deps --no-compile --require-hashes --only-binary=:all: \
    --target /opt/cuda -r "$here/$libraries.txt"
  if [ "$engine" = onnxruntime-cuda ]; then
    mv /opt/cuda/onnxruntime/capi/libonnxruntime_providers_cuda.so \
      /opt/cuda/onnxruntime/capi/libonnxruntime_providers_shared.so "$binaries/linux/$arch/"
    rm -r /opt/cuda/onnxruntime
  fi
  find /opt/cuda \( -name '*.h' -o -name '*.hpp' -o -name '*.a' \) -delete
  find /opt/cuda -name '*.so*' -printf '%h\n' | sort -u >/etc/ld.so.conf.d/millrace-cuda.conf
  ldconfig
fi

# shellcheck disable=SC2086
apt-get purge -qy --auto-remove $build
rm -rf /var/lib/apt/lists/* /root/.npm /root/.cache /tmp/*
useradd --system --create-home --uid 10001 millrace
