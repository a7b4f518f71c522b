# The first two coordinates, a colour for each class. Classes take turns, so that none lies on top
# of the others.
set xlabel "component 1" textcolor rgb ink
set ylabel "component 2" textcolor rgb ink
