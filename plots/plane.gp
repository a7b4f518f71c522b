set autoscale fix
set offsets graph 0.03, graph 0.03, graph 0.03, graph 0.03
plot "< sort -s -k 4n ".numbers using 1:2:(translucent + colour($3)) \
        with points pointtype 7 pointsize size \
        linecolor rgb variable notitle, \
     for [k = 0 : n_names - 1] NaN with points pointtype 7 pointsize 1.6 \
        linecolor rgb name_colour(k) title class_name(k)
