package dev.zhulong.data.tune;

/** Why a row gives no example. Never leaves the package: it becomes an entry of the report. */
final class RowRefused extends RuntimeException {
    private final String reason;
    private final String detail;

    /** The reason is what rows are counted by; the detail is this row's own. */
    RowRefused(String reason, String detail) {
        super(reason + ": " + detail, null, false, false);
        this.reason = reason;
        this.detail = detail;
    }

    String reason() {
        return reason;
    }

    String detail() {
        return detail;
    }
}
