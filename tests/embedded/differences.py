"""Where the embedded master differs from luxid on purpose: what a comparison leaves out, it names from here."""

from __future__ import annotations

DIFFERENCES = {
    "doc": "what a field is for, in words: Ganeti's sentences are not copied, the title stands there",
    "times, uuids, ids": "each master has its own",
    "serial_no": "a job of luxid's writes an instance in several steps, the embedded master once, with the job's end",
    "nodes of others": "memory, disks and instances of a node or group count what others do on the real cluster",
    "regular expressions": "Python's, not PCRE's; and luxid takes a list of letters for a text",
    "job filters": "a field that an opcode does not have, or one of another type, makes a predicate false",
    "exports": "one that ends in an error has not stopped the instance before; nothing can be imported",
    "disks made anew": "where a file of one is there already Ganeti fails",
    "power cycles": "are over at once",
    "watcher pause": "a time that is none is refused; luxid takes it for the end of the pause",
    "texts of parse errors": "they show luxid's parser; that the text is bare, and the connection's last, is the same",
    "args left out": "counts as no arguments",
    "letters that are none": "lone surrogates and bytes that are no UTF-8 are refused; luxid guesses",
    "priority of a running job": "changes what is still to come, and says so; luxid signals the job's process",
    "numbers": "no fraction is taken for an id or a priority; a summary shows 0.05, not 5.0e-2",
    "depth of filters": "limited by Python's recursion",
    "exports of a node": "one row; luxid says it twice",
    "networks with host bits": "are refused where they are submitted; luxid takes the job, and it fails",
    "policies with numbers in text": "are refused; Ganeti's job fails and keeps the configuration locked for long",
    "an instance that violates a policy": "its error names the group by its uuid where Ganeti shows the whole object",
    "addresses of nodes": "are reserved once in a new network; Ganeti tries again for the secondary one and warns",
    "candidates": "a change of a node's role is no reason to say that the configuration is not consistent",
    "inner errors": "of a job whose children cannot be read is a GenericError; Ganeti's Python calls it RequestError",
    "parameters of systems": "are kept on the cluster whatever they are; Ganeti asks the system, which knows none",
    "no hypervisor at all": "may be enabled, as in Ganeti; that warns with each change that nothing can be created",
    "the allocator": "chooses by free memory alone",
    "when children come to be": "with the parent's end, in one moment; Ganeti submits them a little before it",
    "ids too far back": "of a dependency in SubmitManyJobs are an error; luxid never answers",
}
