# A Slurm cluster of two nodes on this machine, all of it in one folder: load slurm; slurm_start
# FOLDER; slurm_stop FOLDER. Its processes are ended by the numbers that they wrote down.

# Skips the test where Slurm is absent, or may not be started.
slurm_or_skip() {
    local program
    for program in munged slurmctld slurmd srun; do
        PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || skip "no $program"
    done
    [ "$(id -u)" = 0 ] || skip 'not root: slurmd wants to be'
}

slurm_start() {
    local folder=$1 host port
    host=$(hostname)
    port=$((20000 + $$ % 10000 * 4))
    mkdir -p "$folder"
    chmod 755 "$folder"
    head -c 1024 /dev/urandom >"$folder/munge.key"
    chmod 600 "$folder/munge.key"
    PATH=$PATH:/usr/sbin
    munged --force --num-threads=1 --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
        --pid-file="$folder/munge.pid" --log-file="$folder/munge.log" \
        --seed-file="$folder/munge.seed" 2>/dev/null
    cat >"$folder/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
AuthInfo=socket=$folder/munge.socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdTimeout=5
MessageTimeout=5
KillWait=2
InactiveLimit=10
ReturnToService=2
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=2
NodeName=node2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=2
PartitionName=all Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP
CONF
    mkdir -p "$folder/state"
    export SLURM_CONF=$folder/slurm.conf
    slurmctld -i
    slurmd -N node1
    slurmd -N node2
    slurm_wait 2
}

# slurm_wait N: until N nodes take work.
slurm_wait() {
    local i
    for ((i = 0; i < 1200; i++)); do
        [ "$(sinfo -h -N -o %t 2>/dev/null | grep -cE '^(idle|mix|alloc)$')" = "$1" ] && return
        sleep 0.1
    done
    sinfo -N >&2
    return 1
}

# They write until they end, into a folder that is deleted then.
slurm_stop() {
    local folder=$1 name pid
    scancel -u root 2>/dev/null || true
    for name in node1 node2 slurmctld munge; do
        pid=$(cat "$folder/$name.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    done
}
