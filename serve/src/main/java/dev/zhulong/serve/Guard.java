package dev.zhulong.serve;

import dev.zhulong.guard.AuditLog;
import dev.zhulong.guard.Context;
import dev.zhulong.guard.Decision;
import dev.zhulong.guard.Policy;
import dev.zhulong.guard.Review;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/** The rules a server keeps to, which can be read anew while it runs. */
public final class Guard {
    private final List<String> sources;
    private final AuditLog audit;
    private volatile Policy policy;

    /**
     * Reads the rules.
     *
     * @param sources files and {@code builtin:NAME}, as {@link Policy#load} takes them
     * @param audit   stays the caller's
     * @throws IllegalArgumentException where a file is malformed
     */
    public Guard(List<String> sources, AuditLog audit) {
        this.sources = List.copyOf(sources);
        this.audit = audit;
        policy = Policy.load(sources);
    }

    /**
     * Reads them anew; requests that have begun keep to the old ones, and so do all where the new ones are broken.
     *
     * @return the version in force
     * @throws IllegalArgumentException where a file is malformed
     */
    public String reload() {
        policy = Policy.load(sources);
        return policy.version();
    }

    /** Tells the rules in force from all others. */
    public String version() {
        return policy.version();
    }

    /**
     * Looks at what goes to the model; refuses what is blocked.
     *
     * @param watch ends the look by an exception where nobody waits for it
     */
    UnaryOperator<String> input(String tenant, String request, Consumer<Decision> heard, Runnable watch) {
        Policy now = policy;
        return text -> {
            Review review = now.review(text, new Context(false, tenant, request), audit, watch);
            review.decisions().forEach(heard);
            if (review.blocked()) {
                String with = review.blockedBy().with();
                throw ApiException.invalid(null, "content_filter", with.isEmpty() ? "the request violates rule " + review.blockedBy().rule() : with);
            }
            return review.text();
        };
    }

    /** What looks at one answer. */
    TextFilter output(String tenant, String request, Consumer<Decision> heard, Runnable watch) {
        return new GuardFilter(policy, new Context(true, tenant, request), audit, heard, watch);
    }
}
