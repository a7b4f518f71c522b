# Hosts that share a folder, on this machine: load shared. A host is a namespace of mounts and of
# its name, with a boot id of its own; the folder is mounted there by sshfs, over a pipe to
# sftp-server. As over NFS a host remembers what it saw, here for a second, also that there was
# nothing, and flock does not reach the others.

# Skips the test where that cannot be done.
shared_or_skip() {
    command -v sshfs >/dev/null && [ -x /usr/lib/openssh/sftp-server ] || skip 'no sshfs, sftp-server'
    [ -w /dev/fuse ] && unshare -mu true 2>/dev/null || skip 'no FUSE, or no namespaces'
}

# host_start FOLDER NAME: the host NAME, which has FOLDER/server as FOLDER/shared. FOLDER/NAME is its
# process, FOLDER/on starts a command there: FOLDER/on NAME COMMAND...
host_start() {
    local folder=$1 name=$2 i
    mkdir -p "$folder/server" "$folder/shared"
    [ -e "$folder/names" ] || { cat /etc/hosts; printf '127.0.1.%d host%d\n' 1 1 2 2 3 3; } >"$folder/names"
    [ -e "$folder/on" ] || cat >"$folder/on" <<SH
#!/bin/bash
folder='$folder'
exec nsenter -m -u -t "\$(cat "\$folder/\$1")" \\
    sh -c 'cd "\$0" && shift && exec "\$@"' "\${PWD/#\$folder\/server/\$folder/shared}" "\$@"
SH
    [ -e "$folder/sftp" ] || printf '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n' >"$folder/sftp"
    chmod +x "$folder/on" "$folder/sftp"
    cat /proc/sys/kernel/random/uuid >"$folder/$name.boot"
    unshare -mu sh -c 'hostname "$1"
        mount --bind "$0/$1.boot" /proc/sys/kernel/random/boot_id
        mount --bind "$0/names" /etc/hosts
        exec sshfs -f -o "ssh_command=$0/sftp,attr_timeout=1,entry_timeout=1" \
            -o negative_timeout=1,dcache_timeout=1 "$1:$0/server" "$0/shared"' \
        "$folder" "$name" 3>&- &
    disown
    echo $! >"$folder/$name"
    for ((i = 0; i < 100; i++)); do
        ! nsenter -m -t $! mountpoint -q "$folder/shared" || return 0
        sleep 0.1
    done
    return 1
}

# host_dies FOLDER NAME: at once, with all that runs there.
host_dies() {
    [ ! -e "$1/$2" ] || pkill -9 --ns "$(cat "$1/$2")" --nslist mnt || true
    rm -f "$1/$2"
}
