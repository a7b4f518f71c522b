#include "cli/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/report.h"

/* The shortest decimal that reads back as the same number; whole numbers without an exponent. */
static void format_real(char *text, size_t size, double v)
{
    if (v == floor(v) && fabs(v) < 1e15) {
        snprintf(text, size, "%.0f", v);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            return;
    }
}

static void format_size(char *text, size_t size, int64_t v)
{
    int unit = 0;

    while (unit < 4 && v >= 1024 && v % 1024 == 0) {
        v /= 1024;
        unit++;
    }
    snprintf(text, size, "%lld%.*s", (long long)v, unit > 0, &" KMGT"[unit]);
}

static bool in_range(const struct cli_option *o, double v)
{
    return (o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max);
}

void value_format(char *text, size_t size, const struct cli_option *o)
{
    const uint8_t *rgb = o->value;
    const char *choice, *string;
    int length;

    switch (o->type) {
    case CLI_INT:
        if (in_range(o, (double)*(int64_t *)o->value))
            snprintf(text, size, "%lld", (long long)*(int64_t *)o->value);
        else
            *text = '\0';
        break;
    case CLI_REAL:
        format_real(text, size, *(double *)o->value);
        break;
    case CLI_BOOL:
    case CLI_FLAG:
        snprintf(text, size, "%s", *(bool *)o->value ? "yes" : "no");
        break;
    case CLI_CHOICE:
        choice = value_choice(o->choices, *(int *)o->value, &length);
        snprintf(text, size, "%.*s", length, choice);
        break;
    case CLI_TEXT:
        string = *(const char **)o->value;
        snprintf(text, size, "%s", string ? string : "");
        break;
    case CLI_SIZE:
        format_size(text, size, *(int64_t *)o->value);
        break;
    case CLI_TIME:
        format_real(text, size, *(double *)o->value);
        snprintf(text + strlen(text), size - strlen(text), "s");
        break;
    case CLI_COLOUR:
        snprintf(text, size, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
        break;
    }
}

static bool parse_int(const char *text, int64_t *v)
{
    char *end;

    errno = 0;
    *v = strtoll(text, &end, 10);
    return end != text && *end == '\0' && errno == 0 && !isspace((unsigned char)*text);
}

static bool parse_real(const char *text, double *v)
{
    char *end;

    *v = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*v) && !isspace((unsigned char)*text);
}

/* 4096, 512M, 1G, 1GiB, 1.5G */
static bool parse_size(const char *text, int64_t *v)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end;
    double value = strtod(text, &end);

    if (end == text || isspace((unsigned char)*text) || !(value >= 0))
        return false;
    if (*end && (unit = strchr(units, toupper((unsigned char)*end)))) {
        value *= exp2(10.0 * (double)(unit - units + 1));
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B')
        end++;
    if (*end || value > 0x1p62)
        return false;
    *v = (int64_t)value;
    return true;
}

/* 90, 60s, 1.5m, 1h */
static bool parse_time(const char *text, double *v)
{
    char *end;

    *v = strtod(text, &end);
    if (end == text || isspace((unsigned char)*text) || !isfinite(*v))
        return false;
    if (*end == 'm' || *end == 'h')
        *v *= *end == 'm' ? 60 : 3600;
    return *end == '\0' || (strchr("smh", *end) && end[1] == '\0');
}

static bool parse_colour(const char *text, uint8_t rgb[3])
{
    if (strcmp(text, "white") == 0 || strcmp(text, "black") == 0) {
        memset(rgb, *text == 'w' ? 255 : 0, 3);
        return true;
    }
    if (strlen(text) != 7 || text[0] != '#' || strspn(text + 1, "0123456789abcdefABCDEF") != 6)
        return false;
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t)strtoul((char[]){text[1 + 2 * i], text[2 + 2 * i], '\0'}, NULL, 16);
    return true;
}

const char *value_choice(const char *choices, int position, int *length)
{
    while (position-- > 0)
        choices = strchr(choices, '|') + 1;
    *length = (int)strcspn(choices, "|");
    return choices;
}

int value_find_choice(const char *choices, const char *text, size_t length)
{
    for (int i = 0; *choices; i++) {
        size_t n = strcspn(choices, "|");
        if (n == length && strncmp(choices, text, n) == 0)
            return i;
        choices += n + (choices[n] == '|');
    }
    return -1;
}

size_t value_numbers(int64_t *numbers, size_t most, const char *text, int64_t low, int64_t high)
{
    for (size_t n = 0; n < most; text++) {
        char one[24] = "";
        size_t length = strcspn(text, ",");

        if (length >= sizeof one)
            return 0;
        memcpy(one, text, length);
        if (!parse_int(one, &numbers[n]) || numbers[n] < low || numbers[n] > high)
            return 0;
        n++;
        text += length;
        if (*text == '\0')
            return n;
    }
    return 0;
}

/* Whether TEXT is the choice of LENGTH bytes at CHOICE, dashes and underscores aside. */
static bool is_choice(const char *text, const char *choice, int length)
{
    const char *end = choice + length;

    for (;; text++, choice++) {
        text += strspn(text, "-_");
        while (choice < end && *choice == '-')
            choice++;
        if (choice == end || *text != *choice)
            return choice == end && *text == '\0';
    }
}

static bool parse_choice(const char *text, const char *choices, int *position)
{
    const char *choice = choices;
    int length;

    for (int i = 0; *choice; i++, choice += length + (choice[length] == '|')) {
        length = (int)strcspn(choice, "|");
        if (is_choice(text, choice, length)) {
            *position = i;
            return true;
        }
    }
    return false;
}

bool value_parse(const struct cli_option *o, const char *text)
{
    int64_t i = 0;
    double d;
    int choice;

    switch (o->type) {
    case CLI_INT:
    case CLI_SIZE:
        if (!(o->type == CLI_INT ? parse_int(text, &i) : parse_size(text, &i))
            || !in_range(o, (double)i))
            return false;
        *(int64_t *)o->value = i;
        return true;
    case CLI_REAL:
    case CLI_TIME:
        if (!(o->type == CLI_REAL ? parse_real(text, &d) : parse_time(text, &d)) || !in_range(o, d))
            return false;
        *(double *)o->value = d;
        return true;
    case CLI_BOOL:
    case CLI_FLAG:
        if (!parse_choice(text, "no|yes", &choice))
            return false;
        *(bool *)o->value = choice;
        return true;
    case CLI_CHOICE:
        return parse_choice(text, o->choices, o->value);
    case CLI_TEXT:
        *(const char **)o->value = text;
        return true;
    case CLI_COLOUR:
        return parse_colour(text, o->value);
    }
    return false;
}

const char *value_wanted(const struct cli_option *o)
{
    bool ranged = o->min != 0 || o->max != 0;
    const char *what;
    char low[40], high[40];

    switch (o->type) {
    case CLI_INT:
    case CLI_REAL:
        format_real(low, sizeof low, o->min);
        format_real(high, sizeof high, o->max);
        what = o->type == CLI_INT ? "a whole number" : "a number";
        return ranged ? xformat("%s from %s to %s", what, low, high) : what;
    case CLI_SIZE:
        format_size(low, sizeof low, (int64_t)o->min);
        format_size(high, sizeof high, (int64_t)o->max);
        return xformat("a size from %s to %s, such as 512M", low, high);
    case CLI_TIME:
        return "a time, such as 60s, 5m or 1h";
    case CLI_CHOICE:
        return xformat("one of %s", o->choices);
    case CLI_COLOUR:
        return "white, black or #rrggbb";
    default:
        return "yes or no";
    }
}
