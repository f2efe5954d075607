# SPDX-License-Identifier: MIT
#
# table.awk: what the benchmark programs took, as a table.
#
#     awk -v set=SET -v who='A B' -v ratios='B/A' -f table.awk ROWS
#
# A row is "SET WHO ROUND PROGRAM VALUE"; rows of other sets are passed over. A line for each program has the
# median of VALUE over all rounds for each of 'who' and, for each of 'ratios', the median of the ratios of
# each round. A last line has the geometric means of the ratios over the programs.

function median(v, n,    i, j, kept) {
    for (i = 2; i <= n; i++) {
        kept = v[i]
        for (j = i - 1; j > 0 && v[j] > kept; j--)
            v[j + 1] = v[j]
        v[j + 1] = kept
    }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function cell(text, heading) {
    line = line sprintf(" %" (length(heading) > 10 ? length(heading) : 10) "s", text)
}

$1 == set {
    value[$2, $3, $4] = $5
    if (!($4 in seen)) {
        seen[$4] = 1
        program[++programs] = $4
    }
    if ($3 > rounds)
        rounds = $3
}

END {
    people = split(who, person, " ")
    pairs = split(ratios, pair, " ")
    line = sprintf("bench: %-13s", set)
    for (k = 1; k <= people; k++)
        cell(person[k], person[k])
    for (k = 1; k <= pairs; k++)
        cell(pair[k], pair[k])
    print line
    for (p = 1; p <= programs; p++) {
        line = sprintf("bench:   %-11s", program[p])
        for (k = 1; k <= people; k++) {
            n = 0
            for (r = 1; r <= rounds; r++)
                if ((person[k], r, program[p]) in value)
                    list[++n] = value[person[k], r, program[p]]
            cell(n ? sprintf("%.3f", median(list, n)) : "-", person[k])
        }
        for (k = 1; k <= pairs; k++) {
            split(pair[k], of, "/")
            n = 0
            for (r = 1; r <= rounds; r++)
                if ((of[1], r, program[p]) in value && value[of[2], r, program[p]] > 0)
                    list[++n] = value[of[1], r, program[p]] / value[of[2], r, program[p]]
            if (!n) {
                cell("-", pair[k])
                continue
            }
            middle = median(list, n)
            cell(sprintf("%.2f", middle), pair[k])
            if (middle > 0) {
                logs[k] += log(middle)
                count[k]++
            }
        }
        print line
    }
    line = sprintf("bench:   %-11s", "geom. mean")
    for (k = 1; k <= people; k++)
        cell("", person[k])
    for (k = 1; k <= pairs; k++)
        cell(count[k] ? sprintf("%.2f", exp(logs[k] / count[k])) : "-", pair[k])
    print line
}
