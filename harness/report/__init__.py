"""The HTML report of a run or a campaign: one self-contained file that opens from disk without a network.

| module | noun |
|---|---|
| `folder` | a run's folder as read from disk, forgiving of what a killed harness left behind |
| `words` | values, times, numbers and anomaly types as a reader sees them |
| `faults` | the faults of a run: when, on whom, evidence, bit or not |
| `roles` | roles, terms and outages of each node over time, from the trace |
| `rows` | what proves an anomaly, row by row, in words |
| `mini` | the small timeline of an anomaly |
| `anomalies` | each anomaly with all that is shown of it |
| `verdict` | the verdict and its one sentence; how to replay; facts of the run |
| `columns` | the ops as compact columns for the browser: varints, deflate, base64 |
| `run` | the report of a run |
| `page` | templates, style and script put together into one file |
| `campaign` | the report of a campaign |

Everything that comes from a system under test is escaped: by the templates, or by the script, which only ever
sets text. The page's content security policy names the script's hash, so nothing else can run.
"""

from __future__ import annotations

from harness.report.campaign import campaign_report
from harness.report.run import run_report

__all__ = ["campaign_report", "run_report"]
