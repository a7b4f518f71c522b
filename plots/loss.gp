# The loss while the weights move, and on the test rows after each epoch, whose best is marked.
stats numbers using 1 name "epoch" nooutput
stats numbers using 3 name "test" nooutput
best = int(test_index_min)
best_epoch = 0
stats numbers every ::best::best using (best_epoch = $1) nooutput
set xlabel "epoch" textcolor rgb ink
set ylabel "loss" textcolor rgb ink
set key inside right top Right noreverse samplen 2 width 0
set key on
set autoscale fix
alone = epoch_min == epoch_max
set xrange [epoch_min - alone : epoch_max + alone]
if (epoch_max - epoch_min < 10) set xtics 1
set offsets 0, 0, graph 0.1, graph 0.05
dots = epoch_records <= 30 ? 0.7 : 0
plot numbers using 1:2 with linespoints linewidth 2.5 pointtype 7 pointsize dots \
        linecolor rgb colour(0) title "training", \
     numbers using 1:3 with linespoints linewidth 2.5 pointtype 7 pointsize dots \
        linecolor rgb colour(1) title "test", \
     numbers every ::best::best using 1:3 with points pointtype 6 pointsize 2.2 linewidth 2 \
        linecolor rgb colour(1) title sprintf("best: %.6g, epoch %d", test_min, best_epoch)
