# Boots the systemd of this machine as the first process of namespaces of its own, on an overlay of the machine's root that is
# gone afterwards: boot-system.sh PLACE PROGRAM. PLACE holds `trial`, which it sees as /trial; PROGRAM is what /opt/countersign is.
set -e
place=$1
program=$2
root=$place/root
mount --make-rprivate /
mkdir -p "$place/layers" "$root"
mount -t tmpfs tmpfs "$place/layers"
mkdir "$place/layers/upper" "$place/layers/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$place/layers/upper,workdir=$place/layers/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root/trial" "$root/opt/countersign"
mount --bind "$place/trial" "$root/trial"
mount --bind "$program" "$root/opt/countersign"
mount --bind "$3" "$root/opt/countersign/node_modules"
mount -t tmpfs tmpfs "$root/tmp"
: >"$root/etc/fstab"
# Whatever this machine would start is not of the trial.
rm -rf "$root"/etc/systemd/system/*
install -m 0755 /dev/stdin "$root/usr/local/bin/countersign" <<'END'
#!/bin/sh
exec /opt/countersign/node_modules/node/bin/node /opt/countersign/dist/launch.js "$@"
END
# The kernel is that of everybody: nothing may set, load or mount what all of it has.
for unit in systemd-sysctl.service systemd-binfmt.service systemd-modules-load.service systemd-random-seed.service \
  systemd-remount-fs.service kmod-static-nodes.service proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount \
  systemd-journald-audit.socket sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount dev-hugepages.mount; do
  ln -s /dev/null "$root/etc/systemd/system/$unit"
done
cat >"$root/etc/systemd/system/trial.service" <<'END'
[Unit]
Requires=basic.target
After=basic.target
[Service]
Type=exec
ExecStart=/bin/bash -c 'bash /trial/script >/trial/said 2>&1; systemctl exit $?'
END
ip link set lo up
# Not chroot, in which nobody may make a namespace of users.
cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
# As systemd has it outside of containers: a service is given mounts of its own from elsewhere.
mount --make-rshared /
exec /usr/bin/env -i container=trial PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin \
  /lib/systemd/systemd --system --unit=trial.service --log-target=journal --show-status=no
