package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** What is wrong with a request, or keeps it from being answered, as OpenAI's API tells it. */
final class ApiException extends RuntimeException {
    private static final long serialVersionUID = 1;

    private final int status;
    private final String type;
    private final String param;
    private final String code;
    private final int retryAfter;

    private ApiException(int status, String type, String param, String code, int retryAfter, String message) {
        super(message);
        this.status = status;
        this.type = type;
        this.param = param;
        this.code = code;
        this.retryAfter = retryAfter;
    }

    /** A field of the request is wrong. */
    static ApiException invalid(String param, String message) {
        return new ApiException(400, "invalid_request_error", param, null, 0, message);
    }

    /** The same with a code that clients know. */
    static ApiException invalid(String param, String code, String message) {
        return new ApiException(400, "invalid_request_error", param, code, 0, message);
    }

    /** Of a status that clients know what to do about. */
    static ApiException of(int status, String type, String code, String message) {
        return new ApiException(status, type, null, code, 0, message);
    }

    /** May be tried again after so many seconds. */
    static ApiException later(int status, String type, String code, int seconds, String message) {
        return new ApiException(status, type, null, code, seconds, message);
    }

    static ApiException noSuchModel(String name) {
        return new ApiException(404, "invalid_request_error", "model", "model_not_found", 0,
                "there is no model '" + Json.shortened(name) + "' here: GET /v1/models lists the available ones");
    }

    int status() {
        return status;
    }

    /** Seconds; 0 where nothing is said of it. */
    int retryAfter() {
        return retryAfter;
    }

    /** {@code {"error": {"message", "type", "param", "code"}}}. */
    ObjectNode json() {
        ObjectNode tree = Json.object();
        tree.putObject("error").put("message", getMessage()).put("type", type).put("param", param).put("code", code);
        return tree;
    }
}
