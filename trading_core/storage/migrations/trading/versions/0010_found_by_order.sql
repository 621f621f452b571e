-- Without these every group of orders reads all the day's fills and orders: dearer with each order.

CREATE INDEX fills_by_order ON fills (client_order_id);
CREATE INDEX orders_by_time ON orders (account, trading_date, signal_at);
