# Three coordinates, a colour for each class, far points first; on the floor their shadows, which
# tell where they stand.
set xlabel "component 1" textcolor rgb ink offset 0, -0.5
set ylabel "component 2" textcolor rgb ink offset 0, -0.5
turn = 35
stats numbers using 1 name "x" nooutput
stats numbers using 2 name "y" nooutput
stats numbers using 3 name "z" nooutput
set view 65, turn, 1.08, 0.95
set ticslevel 0
pad(low, high) = high > low ? 0.04 * (high - low) : 1
set xrange [x_min - pad(x_min, x_max) : x_max + pad(x_min, x_max)]
set yrange [y_min - pad(y_min, y_max) : y_max + pad(y_min, y_max)]
floor = z_min - 2 * pad(z_min, z_max)
set zrange [floor : z_max + pad(z_min, z_max)]
set label "component 3" \
    at x_min - pad(x_min, x_max), y_min - pad(y_min, y_max), z_max + pad(z_min, z_max) \
    offset -7.5, 1.2 textcolor rgb ink
set grid x y z vertical
set border 895 linecolor rgb "#cccccc" linewidth 1
far_first = sprintf("< awk '{ print ($1 / %.9g * %.9g - $2 / %.9g * %.9g), $0 }' %s | " . \
    "sort -g -k 1,1", \
    x_max - x_min + 2 * pad(x_min, x_max), sin(turn * pi / 180), \
    y_max - y_min + 2 * pad(y_min, y_max), cos(turn * pi / 180), numbers)
splot far_first using 2:3:(floor) with points pointtype 7 pointsize size * 0.5 \
        linecolor rgb "#dddddd" notitle, \
      far_first using 2:3:4:(translucent + colour($5)) with points pointtype 7 pointsize size \
        linecolor rgb variable notitle, \
      for [k = 0 : n_names - 1] NaN with points pointtype 7 pointsize 1.6 \
        linecolor rgb name_colour(k) title class_name(k)
