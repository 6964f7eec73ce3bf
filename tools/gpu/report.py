"""Results as Markdown, for people."""

import statistics

COMPARED = ["resnet18", "resnet50"]


def markdown(results, stages):
    done = results["stages"]
    parts = [heading(results), stage_table(done, stages)]
    parts += [comparison(done[name]) for name in COMPARED if done.get(name, {}).get("status") == "passed"]
    if done.get("dropit", {}).get("status") == "passed":
        parts.append(dropping(done["dropit"]))
    if done.get("accuracy", {}).get("status") == "passed":
        parts.append(trained(done["accuracy"]))
    parts.append(missing(done, stages))
    return "\n\n".join(part for part in parts if part) + "\n"


def heading(results):
    facts = "\n".join(f"- {key}: {value}" for key, value in results["machine"].items())
    title = "Dry run of the GPU check" if "dry run" in results["machine"]["device"] else "GPU check"
    return f"# {title}, {results['date']}\n\n`{results['command']}`\n\n{facts}"


def table(titles, rows):
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def stage_table(done, stages):
    def row(name):
        stage = done.get(name, {"status": "not run"})
        return [name, stage["status"], stage.get("seconds", ""), stage.get("why") or facts_of(stage)]

    return table(["stage", "status", "seconds", ""], [row(name) for name in stages])


def facts_of(stage):
    shown = {k: v for k, v in stage.items() if k not in ("status", "seconds", "rows", "rates", "tools")}
    shown.update({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in stage.get("rates", {}).items()})
    shown.update(stage.get("tools", {}))
    return "; ".join(f"{key}: {value}" for key, value in shown.items())


def comparison(stage):
    rows = []
    for row in stage["rows"]:
        rows.append([row["precision"], "stint", *speed(row["stint"]), "", row["stint"]["peak_bytes"]["total"],
                     percent(row["stint"].get("share_of_floor"))])
        for peer in ["eager", "compiled"]:
            if peer in row:
                rows.append([row["precision"], f"PyTorch {peer}", *speed(row[peer]), f"{row[peer]['ratio_median']:.2f}",
                             row[peer]["peak_bytes"], ""])
    titles = ["precision", "", "images/s", "min to max", "stint's ratio", "peak bytes", "of the floor"]
    return (f"## {stage['model']}, {stage['image_size']}x{stage['image_size']}, batch {stage['batch']}\n\n" +
            table(titles, rows) + "\n\n" + kernels(stage))


def dropping(stage):
    rows = [[row["case"], row["policy"], f"{min(row['step_ms']):.2f} to {max(row['step_ms']):.2f}", spread(row["overhead_percent"]),
             spread(row["of_operators_percent"]), row["saved_bytes"], row["peak_bytes"]] for row in stage["rows"]]
    titles = ["", "policy", "step, ms", "step against dense, %", "its operators over the others, %", "saved bytes", "peak bytes"]
    return "## DropIT, gamma 0.9: median (range) of rounds that take turns\n\n" + table(titles, rows)


def trained(stage):
    rows = [[row["table"], row["row"], f"{row['top1'][-1]:.2f}", row["saved_bytes"], row["peak_bytes"],
             f"{row['training_seconds']:.1f}", f"{row['waiting_for_data_percent']:.1f}"] for row in stage["rows"]]
    titles = ["table", "row", "top-1, %", "saved bytes", "peak bytes", "training, s", "of those waiting for data, %"]
    commands = "\n".join(row["command"] for row in stage["rows"])
    return f"## Trained: rows of `stint reproduce`, one seed\n\n{table(titles, rows)}\n\n```\n{commands}\n```"


def spread(values):
    return f"{statistics.median(values):+.1f} ({min(values):+.1f} to {max(values):+.1f})"


def speed(figures):
    runs = figures["images_per_s"]
    return [f"{figures['images_per_s_median']:.1f}", f"{min(runs):.1f} to {max(runs):.1f}"]


def percent(share):
    return "not measured" if share is None else f"{100 * share:.0f} %"


def kernels(stage):
    parts = []
    for row in stage["rows"]:
        top = [[k["name"], k["calls"], f"{k['ms']:.3f}", f"{k['tflop_per_s']:.2f}", f"{k['gb_per_s']:.1f}"]
               for k in row["stint"]["top_kernels"]]
        parts.append(f"The most expensive of a step in {row['precision']}, all calls of a name together:\n\n" +
                     table(["kernel", "calls", "ms", "TFLOP/s", "GB/s"], top))
    return "\n\n".join(parts)


def missing(done, stages):
    """What the figures above do not say."""
    lines = [f"- {name}: {done.get(name, {}).get('why', 'not run')}" for name in stages
             if done.get(name, {}).get("status") != "passed"]
    for name in COMPARED:
        for row in done.get(name, {}).get("rows", []):
            lines += [f"- {name} in {row['precision']}, PyTorch {peer}: {why}" for peer, why in row["not_measured"].items()]
    return "## Not measured\n\n" + ("\n".join(lines) or "Nothing is missing.")
