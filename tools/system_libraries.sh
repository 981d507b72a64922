#!/bin/sh
# Make sure that the system libraries which Qt needs are there: install them with apt where that is
# possible, else say exactly what to type. Usage: system_libraries.sh run|test
set -eu
purpose="${1:-run}"
[ "$(uname -s)" = Linux ] || exit 0

PATH="$PATH:/usr/sbin:/sbin"
known=$(ldconfig -p 2>/dev/null || true)
missing=""
need() { # need SONAME PACKAGE
    case "$known" in *"$1"*) ;; *) missing="$missing $2" ;; esac
}

need libglib-2.0.so.0 libglib2.0-0
need libGL.so.1 libgl1
need libEGL.so.1 libegl1
need libxkbcommon.so.0 libxkbcommon0
need libfontconfig.so.1 libfontconfig1
need libfreetype.so.6 libfreetype6
need libdbus-1.so.3 libdbus-1-3
need libxcb.so.1 libxcb1
need libxkbcommon-x11.so.0 libxkbcommon-x11-0
need libxcb-cursor.so.0 libxcb-cursor0
need libxcb-icccm.so.4 libxcb-icccm4
need libxcb-keysyms.so.1 libxcb-keysyms1
need libxcb-shape.so.0 libxcb-shape0
find -L /usr/share/fonts /usr/local/share/fonts "${HOME:-/root}/.fonts" \
    -name '*.[to]tf' 2>/dev/null | grep -q . || missing="$missing fonts-dejavu-core"
if [ "$purpose" = test ]; then
    command -v Xvfb >/dev/null 2>&1 || missing="$missing xvfb"
    command -v xauth >/dev/null 2>&1 || missing="$missing xauth"
fi
[ -n "$missing" ] || exit 0

install() { # the command prefix that becomes root, if any
    # shellcheck disable=SC2086  # a list of words on purpose
    "$@" apt-get update -qq && "$@" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

echo "Qt needs system libraries that are missing:$missing"
if command -v apt-get >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ]; then
        install env && exit 0
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        install sudo && exit 0
    fi
    echo "They could not be installed from here. Please type:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y$missing" >&2
else
    echo "Please install them with your system's package manager (the names above are Debian's)." >&2
fi
exit 1
