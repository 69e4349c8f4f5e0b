# Has a host's lease hold until a moment of its own clock, for some units and no others.
#
#   $1    the fleet's id         $2    the engine's revision in its election
#   $3    the boot that it is for
#   $4    until when: the host's uptime, in hundredths of a second
#   stdin `hold UNIT`: may run under it; `drop UNIT`: may not, and is it down? A line each.
#
# What it says: `foreign ID`, `superseded REVISION`, `rebooted`, `overtaken` or `late` (nothing was done),
# `wound`, each of the last four with `UPTIME BOOT MACHINE`; `down UNIT` of those that are; `fault WORDS`.
# The last line is `end`.
set -u -f
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
fleet=$1 revision=$2 boot=$3 deadline=$4
state=/run/quarterdeck claim=/etc/quarterdeck/fleet
lease=$state/lease name=quarterdeck-lease.service
unit=/run/systemd/system/$name

fault() { echo "fault $*"; exit 0; }

mkdir -p $state /etc/quarterdeck || fault "cannot write below /run and /etc"
# Not the lock of changes (apply_units.sh): those take their time, and a lease does not wait.
exec 9>$state/lease.lock && flock -w 5 9 || fault "another wind of this host does not end"
owner=''
[ ! -e $claim ] || read -r owner <$claim
if [ -z "$owner" ]; then
  exec 8>$state/lock && flock -w 5 8 || fault "a change of this host does not end"
  [ ! -e $claim ] || read -r owner <$claim
  if [ -z "$owner" ]; then
    owner=$fleet
    echo "$fleet" >$claim.new && mv -f $claim.new $claim || fault "cannot write $claim"
  fi
  exec 8>&-
fi
[ "$owner" = "$fleet" ] || { echo "foreign $owner"; echo end; exit 0; }

read -r up _ </proc/uptime
up=${up%.*}${up#*.}
read -r here </proc/sys/kernel/random/boot_id
machine=-
[ ! -e /etc/machine-id ] || read -r machine </etc/machine-id
say() { echo "$1 $up $here ${machine:--}"; }
number() { case $1 in '' | *[!0-9]*) echo 0 ;; *) echo "$1" ;; esac }

[ "$boot" = "$here" ] || { say rebooted; echo end; exit 0; }
kept=0 until=0 changed=0
[ ! -e $lease ] || read -r kept until <$lease
[ ! -e $state/revision ] || read -r changed <$state/revision
kept=$(number "$kept") until=$(number "$until") changed=$(number "$changed")
[ "$kept" -ge "$changed" ] || newest=$changed
[ "$revision" -ge "${newest:=$kept}" ] || { echo "superseded $newest"; echo end; exit 0; }
# Of one engine's winds the one with the later deadline was made later.
[ "$revision" -gt "$kept" ] || [ "$deadline" -gt "$until" ] || { say overtaken; echo end; exit 0; }
[ "$deadline" -gt "$up" ] || { say late; echo end; exit 0; }

holds='' drops=''
while read -r word one; do
  case $word in
  hold) holds="$holds $one" ;;
  drop) drops="$drops $one" ;;
  esac
done

# What keeps the lease: written once a boot, or once more for another version of it.
install() {
  version=''
  [ ! -e $state/lease.sh ] || read -r version <$state/lease.sh
  [ "$version" != '# 1' ] || [ ! -e $unit ] || return 0
  case $(systemctl --version) in
  'systemd '[1-9]' '* | 'systemd '[1-9][0-9]' '* | 'systemd '1[0-9][0-9]' '* | 'systemd '2[0-3][0-9]' '* | \
    'systemd '24[0-2]' '*) fault "its systemd is older than 243, and has no ExecCondition=" ;;
  esac
  cat >$state/lease.sh.new <<'END'
# 1
# `keep`: for as long as this host's lease holds. `held UNIT`: whether it does, and names the unit.
state=/run/quarterdeck
holds() {
  read -r up _ </proc/uptime && read -r _ until <$state/lease && [ "${up%.*}${up#*.}" -lt "$until" ]
}
case $1 in
keep)
  echo $$ >$state/lease.kept
  while holds; do sleep 0.5; done
  ;;
held)
  while read -r one; do
    if [ "$one" = "$2" ] && holds; then exit 0; fi
  done <$state/lease
  exit 1
  ;;
esac
END
  cat >$unit.new <<'END'
[Unit]
Description=The lease of Quarterdeck's exclusive services on this host
[Service]
Type=exec
ExecStart=/bin/sh /run/quarterdeck/lease.sh keep
ExecStopPost=/bin/sh -c 'rm -f /run/quarterdeck/lease.kept'
TimeoutStopSec=1
OOMScoreAdjust=-900
END
  mv -f $state/lease.sh.new $state/lease.sh && mv -f $unit.new $unit && systemctl daemon-reload
}
if [ -n "$holds" ]; then
  mkdir -p /run/systemd/system
  install || fault "cannot write what keeps the lease"
fi

{
  echo "$revision $deadline"
  for one in $holds; do printf '%s\n' "$one"; done
} >$lease.new && mv -f $lease.new $lease || fault "cannot write $lease"
say wound

if [ -z "$holds" ]; then
  # Nothing of it stays but whose wind was the last. What is bound to it was to stop anyway.
  [ ! -e $unit ] || systemctl --no-block stop -- $name 2>/dev/null
  rm -f $unit $state/lease.sh
elif [ ! -e $state/lease.kept ]; then
  # It had run out, and what was launched has stopped with it.
  starts=''
  for one in $holds; do
    [ -e "$state/units/$one" ] || continue
    read -r mark <"$state/units/$one"
    case $mark in "$fleet "*' launched') starts="$starts $one" ;; esac
  done
  [ -z "$starts" ] || systemctl --no-block start -- $starts 2>/dev/null
fi
# That they may not be started any more has been written: what is down now stays so.
for one in $drops; do
  case $(systemctl show -p ActiveState -- "$one") in
  ActiveState=inactive | ActiveState=failed) printf 'down %s\n' "$one" ;;
  esac
done
echo end
