package dev.zhulong.serve;

import io.helidon.webserver.http.HttpRouting;

/** What a server offers, whatever it serves: its routes, and whether it can go on. */
interface Service {
    Metrics metrics();

    /** Adds all routes but those of health. */
    void routes(Listener on, HttpRouting.Builder routing);

    AdminRoutes admin();

    /** What keeps it from ever answering again; null where nothing does. */
    Throwable failure();

    /** Takes no more requests, and waits until those it has are answered. */
    void drain() throws InterruptedException;
}
