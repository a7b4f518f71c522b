# What all plots share, and runs before each of them. include/analysis/gnuplot.h tells what is in
# the files.
type = ARG1
numbers = ARG2
names = ARG3
set encoding utf8
if (type eq "png") {
    set terminal pngcairo noenhanced size 1200,900 font "DejaVu Sans,13" background rgb "white"
} else {
    set terminal svg noenhanced size 1200,900 dynamic font "DejaVu Sans,16" background rgb "white"
}
ink = 0x333333
set border linecolor rgb "#999999" linewidth 1
set tics textcolor rgb ink nomirror scale 0.5
set grid linetype 1 linecolor rgb "#e6e6e6" linewidth 1 dashtype solid back
set key textcolor rgb ink noenhanced
title_text = system("cat ".ARG4)
if (strlen(title_text)) set title title_text noenhanced textcolor rgb ink font ",18"

# Ten colours that stay apart, also for most colour-blind eyes; beyond ten classes the same hues
# again, darker and lighter.
array hues[10] = [0x3b75af, 0xef8636, 0x519d3e, 0xc53a32, 0x8d69b8, \
    0x84584e, 0xd57dbe, 0x5cb5c5, 0xa8a232, 0x6f7787]
channel(c, s) = int(s == 0 ? c : s == 1 ? c * 0.62 : c + (255 - c) * 0.45)
shade(c, s) = channel(c / 65536, s) * 65536 + channel((c / 256) % 256, s) * 256 \
    + channel(c % 256, s)
colour(k) = shade(hues[int(k) % 10 + 1], (int(k) / 10) % 3)
translucent = 0x38000000
class_name(k) = system(sprintf("sed -n %dp %s", k + 1, names))
n_names = int(system("wc -l <".names))   # at most thirty, and then "and so many more"
name_colour(k) = k < 30 ? colour(k) : 0xffffff
longest = int(system("wc -L <".names))
set key outside right top Left reverse samplen 0.5 spacing 1.35 width 0.1 * longest
if (n_names == 1) set key off
n_rows = int(system("wc -l <".numbers))
size = n_rows < 300 ? 1.6 : n_rows < 3000 ? 1.15 : n_rows < 30000 ? 0.7 : 0.4
