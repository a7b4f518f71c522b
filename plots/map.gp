# A map: nearness is all that it tells, so its axes have neither names nor numbers, and a step is as
# long in either direction.
unset tics
set size ratio -1
