package dev.zhulong.guard;

/** Where a text comes from and goes to: a fact that rules can ask about. */
public final class Context {
    private final boolean output;
    private final String tenant;
    private final String request;

    /**
     * @param output  whether a model wrote it; else it is on its way to one
     * @param tenant  whose request it belongs to; empty where there are none
     * @param request its id, for the audit log
     */
    public Context(boolean output, String tenant, String request) {
        this.output = output;
        this.tenant = tenant;
        this.request = request;
    }

    public boolean isOutput() {
        return output;
    }

    public boolean isInput() {
        return !output;
    }

    public String getTenant() {
        return tenant;
    }

    public String getRequest() {
        return request;
    }
}
