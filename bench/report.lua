-- wrk calls this at the end of a run: one line that bench/wrk.py reads. Times are microseconds.
done = function(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format("RESULT requests=%d duration_us=%d p50_us=%d p99_us=%d failed=%d refused=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), failed, summary.errors.status))
end
