# Has a host's unit files and jobs be as an engine wants them: one change of many units, whole or told of.
#
#   $1    the fleet's id         $2    the engine's revision in its election
#   stdin a tar: `work`, a line for each unit, and the files it speaks of (apply_units.py)
#
# What it says, a line each: `foreign ID` and `superseded REVISION` (nothing was done), `refused UNIT WORDS`,
# `said WORDS` (systemd's own), `fault WORDS` (it went no further), and at its end `end`.
set -u -f
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
fleet=$1 revision=$2
state=/run/quarterdeck claim=/etc/quarterdeck/fleet
reload='' starts='' stops='' reloads='' enabling='' enabling_now='' written='' removed='' unstarted=''

fault() { echo "fault $*"; exit 0; }

# Before anything is changed: one at a time, of one fleet, and never by an engine that was replaced.
mkdir -p $state /etc/quarterdeck || fault "cannot write below /run and /etc"
exec 9>$state/lock && flock -w 10 9 || fault "another change of this host does not end"
owner=''
[ ! -e $claim ] || read -r owner <$claim
if [ -z "$owner" ]; then
  owner=$fleet
  echo "$fleet" >$claim.new && mv -f $claim.new $claim || fault "cannot write $claim"
fi
[ "$owner" = "$fleet" ] || { echo "foreign $owner"; exit 0; }
kept=0
[ ! -e $state/revision ] || read -r kept <$state/revision
case $kept in '' | *[!0-9]*) kept=0 ;; esac
# One that has wound the lease has been here too (wind_lease.sh).
wound=0
[ ! -e $state/lease ] || read -r wound _ <$state/lease
case $wound in '' | *[!0-9]*) wound=0 ;; esac
[ "$wound" -le "$kept" ] || kept=$wound
[ "$revision" -ge "$kept" ] || { echo "superseded $kept"; exit 0; }
[ "$revision" -eq "$kept" ] ||
  { echo "$revision" >$state/revision.new && mv -f $state/revision.new $state/revision; } ||
  fault "cannot write $state/revision"
new=$(mktemp -d $state/new.XXXXXX) || fault "cannot write $state"
trap 'rm -rf "$new"' EXIT
tar -xof - -C "$new" || fault "what was sent cannot be unpacked"

# Below which of /run and /etc a unit of this fleet's is, into `mine`.
ours() {
  mine=''
  for root_ in /run /etc; do
    owner_=''
    [ ! -e "$root_/quarterdeck/units/$1" ] || read -r owner_ _ <"$root_/quarterdeck/units/$1"
    [ "$owner_" != "$fleet" ] || mine=$root_
  done
  [ -n "$mine" ]
}

# Whether somebody else has a unit file of this name, or of its template's; which, into `found`.
taken() {
  for dir_ in /etc/systemd/system /run/systemd/system /run/systemd/transient /run/systemd/generator \
    /usr/local/lib/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
    for name_ in "$1" "$2"; do
      found=$dir_/$name_
      if [ "$name_" != - ] && { [ -e "$found" ] || [ -L "$found" ]; }; then return 0; fi
    done
  done
  return 1
}

# Have $2 hold what $1 does, whole or not at all, if it does not yet. As few programs as can be: there are
# hundreds of units.
put() {
  if [ -e "$2" ] && cmp -s "$1" "$2"; then return 0; fi
  case $2 in
  /run/*) mv -f "$1" "$2" ;;
  *) cp "$1" "$2.quarterdeck" && mv -f "$2.quarterdeck" "$2" ;;
  esac
}

write() { # unit root boot
  dir=$2/systemd/system
  if [ ! -d "$dir" ] || [ ! -d "$2/quarterdeck/units" ]; then
    mkdir -p "$dir" "$2/quarterdeck/units" || return 1
  fi
  # What says that it is ours comes first, and what says that it was started last: whoever finds a change
  # that was cut off in between does the rest.
  if [ ! -e "$2/quarterdeck/units/$1" ]; then
    read -r mark <"$new/marks/$1"
    echo "${mark% *} loaded" >"$new/first" && put "$new/first" "$2/quarterdeck/units/$1" || return 1
  fi
  put "$new/units/$1" "$dir/$1" || return 1
  if [ -e "$new/drops/$1" ]; then
    mkdir -p "$dir/$1.d" && put "$new/drops/$1" "$dir/$1.d/80-quarterdeck.conf" || return 1
  elif [ -e "$dir/$1.d/80-quarterdeck.conf" ]; then
    reload=yes # systemd takes no note of one that is gone
    rm -f "$dir/$1.d/80-quarterdeck.conf"
  fi
  if [ "$3" = yes ]; then
    mkdir -p "$dir/multi-user.target.wants" && ln -sfn "$dir/$1" "$dir/multi-user.target.wants/$1"
  elif [ -L "$dir/multi-user.target.wants/$1" ]; then
    rm -f "$dir/multi-user.target.wants/$1"
  fi
}

forget() { # unit root
  dir=$2/systemd/system
  if grep -q '^\[Install\]' "$dir/$1" 2>/dev/null; then
    runtime=''
    [ "$2" = /etc ] || runtime=--runtime
    systemctl disable --quiet --no-reload $runtime -- "$1" 2>/dev/null
    reload=yes
  fi
  rm -f "$dir/multi-user.target.wants/$1" "$dir/$1.d/80-quarterdeck.conf" "$dir/$1"
  [ ! -d "$dir/$1.d" ] || rmdir "$dir/$1.d" 2>/dev/null
  rm -f "$2/quarterdeck/units/$1"
  removed="$removed $1"
}

while read -r unit verb job root template boot install; do
  if ours "$unit"; then
    [ "$verb" != write ] || [ "$mine" = "$root" ] || forget "$unit" "$mine"
  elif [ "$verb" = remove ]; then
    continue
  elif taken "$unit" "$template"; then
    echo "refused $unit $found is there, and is not this fleet's"
    continue
  fi
  case $verb in
  write)
    write "$unit" "$root" "$boot" || {
      echo "refused $unit it cannot be written below $root"
      continue
    }
    written="$written $unit"
    if [ "$install" = yes ]; then
      reload=yes
      if [ "$root" = /etc ]; then enabling="$enabling $unit"; else enabling_now="$enabling_now $unit"; fi
    fi
    ;;
  remove) forget "$unit" "$mine" ;;
  esac
  case $job in
  start) starts="$starts $unit" ;;
  stop) stops="$stops $unit" ;;
  reload) reloads="$reloads $unit" ;;
  esac
done <"$new/work"

heard() { while read -r line; do echo "said $line"; done <"$new/said"; }

[ -z "$enabling" ] || systemctl enable --quiet --no-reload -- $enabling 2>"$new/said" || heard
[ -z "$enabling_now" ] || systemctl enable --quiet --no-reload --runtime -- $enabling_now 2>"$new/said" || heard
# systemd reads the files of a unit that it does not have by itself; to have it read everything anew takes
# long, and is only done for units that it has as they were. Names are patterns here: a backslash is not one.
[ -z "$removed" ] || systemctl reset-failed -- $removed 2>/dev/null
case $written$removed in *\\*) reload=yes ;; esac
if [ -z "$reload" ] && [ -n "$written$removed" ]; then
  there=$(systemctl list-units --all --plain --no-legend --no-pager -- $written $removed |
    while read -r name _; do echo "$name"; done)
  if [ -n "$there" ]; then
    case $(systemctl show -p LoadState -p NeedDaemonReload -- $there) in
    *NeedDaemonReload=yes* | *LoadState=not-found*) reload=yes ;;
    esac
  fi
fi
[ -z "$reload" ] || systemctl daemon-reload || fault "systemd does not read its files anew"
[ -z "$stops" ] || systemctl --no-block stop -- $stops 2>"$new/said" || heard
# One that is down by now is not reloaded; how it is, its gate sees.
[ -z "$reloads" ] || systemctl --no-block reload -- $reloads 2>/dev/null
if [ -n "$starts" ]; then
  systemctl reset-failed -- $starts 2>/dev/null
  if ! systemctl --no-block start -- $starts 2>"$new/said"; then
    heard
    for unit in $starts; do
      [ "$(systemctl show -P LoadState -- "$unit")" != loaded ] || continue
      # Why, is in the journal alone, or said by who is asked to read the file once more.
      ours "$unit" || continue
      unstarted="$unstarted $unit"
      systemd-analyze verify --man=no --recursive-errors=no "$mine/systemd/system/$unit" 2>&1 |
        grep -F "$unit" | head -n 3 | while read -r line; do echo "refused $unit $line"; done
    done
  fi
fi
for unit in $written; do
  case "$unstarted " in *" $unit "*) continue ;; esac
  ours "$unit" && put "$new/marks/$unit" "$mine/quarterdeck/units/$unit" ||
    fault "cannot write $mine/quarterdeck"
done
echo end
