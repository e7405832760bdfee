package dev.zhulong.serve;

import dev.zhulong.guard.Action;
import dev.zhulong.guard.AuditLog;
import dev.zhulong.guard.Context;
import dev.zhulong.guard.Decision;
import dev.zhulong.guard.GuardedStream;
import dev.zhulong.guard.Policy;
import dev.zhulong.guard.Review;
import java.util.function.Consumer;

/** An answer under rules. */
final class GuardFilter implements TextFilter {
    private final Policy policy;
    private final Context context;
    private final AuditLog audit;
    private final Consumer<Decision> heard;
    private final Runnable watch;
    private final GuardedStream stream;
    private int told;
    private Decision block;

    GuardFilter(Policy policy, Context context, AuditLog audit, Consumer<Decision> heard, Runnable watch) {
        this.policy = policy;
        this.context = context;
        this.audit = audit;
        this.heard = heard;
        this.watch = watch;
        stream = policy.stream(context, audit, watch);
    }

    @Override
    public boolean guards() {
        return true;
    }

    @Override
    public String push(String piece) {
        return after(stream.push(piece));
    }

    @Override
    public String finish() {
        return after(stream.finish());
    }

    private String after(String passed) {
        var decisions = stream.decisions();
        for (; told < decisions.size(); told++) {
            heard.accept(decisions.get(told));
        }
        if (block == null) {
            block = stream.blockedBy();
        }
        return passed;
    }

    @Override
    public boolean blocked() {
        return block != null;
    }

    @Override
    public boolean wantsRewrite() {
        return block != null && block.action() == Action.REWRITE;
    }

    @Override
    public String reason() {
        return block == null ? "" : block.with();
    }

    @Override
    public int settled() {
        return stream.settled();
    }

    @Override
    public boolean changed(int from, int to) {
        return stream.changed(from, to);
    }

    @Override
    public boolean allows(String text) {
        return policy.review(text, context, AuditLog.NONE, watch).decisions().stream().allMatch(each -> each.action() == Action.ANNOTATE);
    }

    @Override
    public String whole(String text) {
        Review review = policy.review(text, context, audit, watch);
        review.decisions().forEach(heard);
        if (review.blocked()) {
            block = review.blockedBy();
            return null;
        }
        // a note has no place inside a value
        return review.decisions().stream().allMatch(each -> each.action() == Action.ANNOTATE) ? text : review.text();
    }

    @Override
    public void close() {
        stream.close();
    }
}
