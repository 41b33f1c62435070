# Runs the server for a parent that may disappear at any moment, and removes what it leaves.
#
# $1     run directory: `pid` and `exited` appear in it; removed at the end
# $2     log file of the server
# $3     signal for the server when the parent disappears
# $4...  command that starts the server, without its port
#
# The parent writes lines to the standard input: `start PORT`, and while the server runs the name of
# the signal to stop it with. The end of the input is the end of the parent, however it died.

# A signal that is meant for the parent's job or service must not end the server before the parent
# has done its own work; the end of the parent does.
trap '' HUP INT QUIT TERM
exec 3<&0 </dev/null
cd /
run=$1 log=$2 farewell=$3
shift 3

while read -r verb port <&3; do
  # Anything else is a signal for a server that has already ended.
  [ "$verb" = start ] || continue
  "$@" -p "$port" >>"$log" 2>&1 3<&- &
  server=$!
  echo "$server" >"$run/pid"
  {
    read -r signal <&3 || signal=$farewell
    # Again and again: a server that has just been started still ignores the signal.
    while kill -s "$signal" "$server"; do sleep 1; done
  } &
  listener=$!
  wait "$server"
  status=$?
  kill -s KILL "$listener"
  wait "$listener"
  echo "$status" >"$run/exited"
done

# Processes that were cut off from a killed server may still write for a moment.
for attempt in 1 2 3 4 5; do
  rm -rf "$run" && break
  sleep 1
done
